//! The alphabet of a text message (3GPP TS 23.038): what keeps a message in one segment of 160
//! septets. One character outside it turns the whole message into 70-character segments.

/// Characters of one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Characters of two septets: an escape and themselves.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// How many septets `text` takes.
///
/// # Errors
/// The first character that is not in the alphabet.
pub(crate) fn septets(text: &str) -> Result<usize, char> {
    text.chars().map(|c| septets_of(c).ok_or(c)).sum()
}

fn septets_of(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENDED.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// `text` in one line of the alphabet: accents that it lacks are taken off, typographic signs
/// become plain ones, and what has no likeness is left out.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::new();
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            folded.push(' ');
        } else if septets_of(c).is_some() {
            folded.push(c);
        } else {
            folded.push_str(likeness(c));
        }
    }
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The longest beginning of `text` that takes at most `most` septets: whole words where there is
/// more than one, and no loose punctuation at the end.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut left = most;
    let over = text.char_indices().find(|(_, c)| match septets_of(*c) {
        Some(size) if size <= left => {
            left -= size;
            false
        }
        Some(_) | None => true,
    });
    let Some((end, next)) = over else { return text };
    let fitting = text.get(..end).unwrap_or_default();
    let whole_words = match fitting.rsplit_once(' ') {
        Some((words, _torn)) if next != ' ' => words,
        Some(_) | None => fitting,
    };
    whole_words.trim_end_matches([' ', '-', ',', '.', '&', '('])
}

fn likeness(c: char) -> &'static str {
    match c {
        'á' | 'â' | 'ã' | 'ā' | 'ă' | 'ą' => "a",
        'Á' | 'À' | 'Â' | 'Ã' | 'Ā' | 'Ă' | 'Ą' => "A",
        'ç' | 'ć' | 'č' => "c",
        'Ć' | 'Č' => "C",
        'ď' | 'đ' | 'ð' => "d",
        'Ď' | 'Đ' | 'Ð' => "D",
        'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'È' | 'Ê' | 'Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => "E",
        'ğ' => "g",
        'Ğ' => "G",
        'í' | 'î' | 'ï' | 'ī' | 'į' | 'ı' => "i",
        'Í' | 'Ì' | 'Î' | 'Ï' | 'Ī' | 'Į' | 'İ' => "I",
        'ł' | 'ľ' | 'ĺ' => "l",
        'Ł' | 'Ľ' | 'Ĺ' => "L",
        'ń' | 'ň' => "n",
        'Ń' | 'Ň' => "N",
        'ó' | 'ô' | 'õ' | 'ō' | 'ő' => "o",
        'Ó' | 'Ò' | 'Ô' | 'Õ' | 'Ō' | 'Ő' => "O",
        'ŕ' | 'ř' => "r",
        'Ŕ' | 'Ř' => "R",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'Ś' | 'Š' | 'Ş' | 'Ș' => "S",
        'ť' | 'ţ' | 'ț' => "t",
        'Ť' | 'Ţ' | 'Ț' => "T",
        'ú' | 'û' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'Ú' | 'Ù' | 'Û' | 'Ū' | 'Ů' | 'Ű' | 'Ų' => "U",
        'ý' | 'ÿ' => "y",
        'Ý' | 'Ÿ' => "Y",
        'ź' | 'ž' | 'ż' => "z",
        'Ź' | 'Ž' | 'Ż' => "Z",
        'œ' => "oe",
        'Œ' => "OE",
        'ẞ' => "SS",
        'þ' => "th",
        'Þ' => "Th",
        '‘' | '’' | '‚' | '′' | '`' | '´' => "'",
        '“' | '”' | '„' | '″' | '«' | '»' => "\"",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '·' | '•' => "-",
        '…' => "...",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_its_128_places() {
        // 127 characters and the escape; ten of two septets.
        assert_eq!((BASIC.chars().count(), EXTENDED.chars().count()), (127, 10));
        assert_eq!(septets("Acme"), Ok(4));
        assert_eq!(septets("{€}"), Ok(6));
        assert_eq!(septets("a`b"), Err('`'));
    }

    #[test]
    fn names_keep_their_look() {
        for (name, folded) in [
            ("Clínica São João", "Clinica Sao Joao"),
            ("  Łódź \n Health\u{a0}Care ", "Lodz Health Care"),
            ("O’Neil – “Étoile” Çà", "O'Neil - \"Étoile\" Çà"),
            ("日本 Health™", "Health"),
            ("日本", ""),
            ("Zoë & Œuvre…", "Zoe & OEuvre..."),
        ] {
            assert_eq!(fold(name), folded);
        }
    }

    #[test]
    fn a_cut_never_tears_a_character_or_leaves_a_loose_end() {
        for (text, most, expected) in [
            ("Acme Health", 20, "Acme Health"),
            ("Acme Health", 5, "Acme"),
            ("Acme Health", 8, "Acme"),
            ("Acme Health Care", 11, "Acme Health"),
            ("Acmehealth", 4, "Acme"),
            ("Acme, Inc.", 6, "Acme"),
            ("a€b", 2, "a"),
            ("a€b", 3, "a€"),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(text, most), expected, "{text} {most}");
        }
    }
}
