use super::*;
use std::collections::BTreeSet;

fn all(language: &Language) -> Vec<String> {
    let single = [
        language.languages,
        language.for_whom,
        language.not_you,
        language.not_you_then,
        language.sign_in,
        language.try_again,
        language.open,
        language.signed_in,
        language.check_now,
        language.refresh,
        language.send_new,
    ];
    let texts = State::ALL.iter().map(|state| language.text(*state));
    let lines = texts.flat_map(|text| [text.title].into_iter().chain(text.lines.iter().copied()));
    single.into_iter().chain(lines).map(str::to_owned).collect()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
}

#[test]
fn every_language_says_everything_with_the_same_placeholders() {
    let (english, others) = LANGUAGES.split_first().unwrap();
    let english = all(english);
    for language in others {
        let translated = all(language);
        assert_eq!(translated.len(), english.len(), "{}", language.tag);
        for (original, text) in english.iter().zip(&translated) {
            assert!(!text.trim().is_empty() && text != original, "{}: {original}", language.tag);
            assert_eq!(placeholders(text), placeholders(original), "{}: {text}", language.tag);
        }
    }
}

#[test]
fn nothing_sensitive_is_said_in_any_language() {
    let never = [
        "ehr", "epic", "clinic", "clínica", "hospital", "patient", "pacient", "doctor", "médic",
        "health", "salud", "diagnos", "cobalt", "token",
    ];
    for language in LANGUAGES {
        for text in all(language) {
            let lower = text.to_lowercase();
            for word in never {
                assert!(!lower.contains(word), "{}: {text}", language.tag);
            }
            assert!(!text.contains(['<', '>', '\u{2014}', '!']), "{}: {text}", language.tag);
        }
    }
}

#[test]
fn what_is_asked_for_comes_before_what_is_on_file_and_what_a_browser_wants() {
    let tag = |asked, on_file, accepted| choose(asked, on_file, accepted).tag;
    assert_eq!(tag(None, None, None), "en");
    assert_eq!(tag(None, None, Some("es")), "es");
    assert_eq!(tag(None, Some("en-US"), Some("es")), "en");
    assert_eq!(tag(Some("es"), Some("en"), Some("en")), "es");
    assert_eq!(tag(Some("tlh"), Some("es_MX"), None), "es");
    assert_eq!(tag(None, Some("pt-BR"), Some("fr, es-419;q=0.8, en;q=0.9")), "en");
    assert_eq!(tag(None, None, Some("en;q=0.1, es;q=0.25")), "es");
    assert_eq!(tag(None, None, Some("es;q=0, en;q=0.1")), "en");
    for odd in ["", ",", ";", "es;q=", "es;q=x", "es;level=1", "es;q=9999999999", "*", "é;q=0.é"]
    {
        assert_eq!(tag(None, None, Some(odd)), "en", "{odd}");
    }
}
