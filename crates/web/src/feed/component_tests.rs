use super::*;

fn served() -> String {
    let component = Component::new("https://link.example.org/init.js");
    String::from_utf8(component.text.to_vec()).unwrap()
}

#[test]
fn it_is_a_few_kilobytes_and_versioned_by_its_content() {
    let text = served();
    assert!(text.len() < 8_000, "{} bytes", text.len());
    assert_eq!(text.matches("\"https://link.example.org/init.js\"").count(), 1);
    assert!(!text.contains("LINK_SCRIPT"));
    let tag = |url: &str| Component::new(url).etag.unwrap();
    assert_eq!(tag("https://a.example"), tag("https://a.example"));
    assert_ne!(tag("https://a.example"), tag("https://b.example"));
}

#[test]
fn an_address_cannot_leave_its_quotes() {
    let text = Component::new("https://x\"+alert(1)+\"\\").text;
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains(r#""https://x\"+alert(1)+\"\\""#), "{text}");
}

/// What would turn text into markup or code, or what a strict policy of the host page refuses.
#[test]
fn nothing_in_it_makes_markup_or_code_of_text() {
    let text = served();
    for never in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "DOMParser",
        "createContextualFragment",
        "srcdoc",
        "javascript:",
        ".style",
        "\"style\"",
        ".focus(",
        "credentials: \"include\"",
        "localStorage",
        "document.cookie",
    ] {
        assert!(!text.contains(never), "{never}");
    }
    for needed in
        ["adoptedStyleSheets", "textContent", "credentials: \"omit\"", "\"role\", \"status\""]
    {
        assert!(text.contains(needed), "{needed}");
    }
}

/// WCAG 2.2: at least 4.5 for text, 3 for the border of a control.
#[test]
fn its_colours_can_be_read_in_light_and_in_dark() {
    let text = served();
    let themes: Vec<&str> = text.match_indices("--b:").map(|(at, _)| &text[at..at + 60]).collect();
    assert_eq!(themes.len(), 2);
    for theme in themes {
        let colour = |name: &str| {
            let at = theme.find(&format!("--{name}:#")).unwrap() + name.len() + 4;
            let hex: String = theme[at..].chars().take_while(char::is_ascii_hexdigit).collect();
            let wide: String =
                if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex };
            [0, 2, 4]
                .map(|at| f64::from(u8::from_str_radix(&wide[at..at + 2], 16).unwrap()) / 255.0)
        };
        let (back, fore, border) = (colour("b"), colour("c"), colour("e"));
        let (button, label) = (colour("k"), colour("l"));
        assert!(contrast(back, fore) >= 4.5, "{theme}");
        assert!(contrast(button, label) >= 4.5, "{theme}");
        assert!(contrast(back, button) >= 3.0, "{theme}");
        assert!(contrast(back, border) >= 3.0, "{theme}");
    }
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let part = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        let [r, g, b] = colour.map(part);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Text from the store only ever ends in a `textContent`, and the feed only ever in JSON.
#[test]
fn the_words_of_the_server_and_of_the_component_agree() {
    let text = served();
    for standing in ["works", "still_broken", "not_known"] {
        assert_eq!(text.matches(&format!("{standing}: \"")).count(), 2, "{standing}");
    }
    for step in ["opened", "launched", "left", "came_back"] {
        assert!(text.contains(&format!("\"{step}\"")), "{step}");
    }
}
