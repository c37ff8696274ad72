use super::*;

const LINK: &str = "https://relink.example.org/r/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCde";

const MESSAGES: [(SignalKind, bool); 3] = [
    (SignalKind::LoginRequired, false),
    (SignalKind::LoginRequired, true),
    (SignalKind::PasswordChangeWarning, false),
];

fn texts(name: &str) -> Vec<String> {
    let texts = Texts::new(name, "https://relink.example.org").unwrap();
    MESSAGES.iter().map(|(kind, reminder)| texts.render(*kind, *reminder, LINK).unwrap()).collect()
}

#[test]
fn the_messages_of_an_ordinary_instance() {
    insta::assert_snapshot!(texts("Acme Health").join("\n"));
}

#[test]
fn the_messages_of_an_instance_with_a_long_name() {
    insta::assert_snapshot!(
        texts("The Most Excellent Clínica São João of Łódź and Elsewhere, Inc.").join("\n")
    );
}

#[test]
fn a_name_that_no_text_message_can_show_is_left_out() {
    for text in texts("日本") {
        assert!(text.starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
    }
}

#[test]
fn a_warning_has_one_wording_and_a_repair_none() {
    let texts = Texts::new("Acme", "https://a.example").unwrap();
    let warning =
        |reminder| texts.render(SignalKind::PasswordChangeWarning, reminder, LINK).unwrap();
    assert_eq!(warning(true), warning(false));
    assert!(matches!(
        texts.render(SignalKind::Repaired, false, LINK),
        Err(TextError::NoSuchMessage(SignalKind::Repaired))
    ));
}

#[test]
fn a_link_that_leaves_no_room_is_found_before_anything_is_sent() {
    let url = |length: usize| format!("https://{}", "a".repeat(length - 8));
    let fits = |length| Texts::new("Acme Health", &url(length)).is_ok();
    let longest = (8..200).filter(|length| fits(*length)).max().unwrap();
    assert!(longest >= 80, "only {longest} characters of public_url fit");
    assert!((8..=longest).all(fits));
    assert!(matches!(
        Texts::new("Acme Health", &url(longest + 7)),
        Err(TextError::LinkTooLong { excess: 7 })
    ));
    assert!(matches!(
        Texts::new("Acme Health", "https://例え.example"),
        Err(TextError::LinkNotGsm7('例'))
    ));
}

proptest::proptest! {
    #[test]
    fn every_message_is_one_segment_with_the_whole_link(
        name in "\\PC{0,80}|[A-Za-z€{}~éł ]{0,200}",
        host in "[a-z0-9.~-]{1,90}",
        token in "[A-Za-z0-9_-]{43}",
    ) {
        let url = format!("https://{host}");
        let link = format!("{url}/r/{token}");
        let texts = match Texts::new(&name, &url) {
            Ok(texts) => texts,
            Err(error) => {
                let too_long = matches!(error, TextError::LinkTooLong { .. });
                proptest::prop_assert!(too_long, "{}", error);
                // The room that the longest of the shortest forms leaves.
                proptest::prop_assert!(gsm7::septets(&url).unwrap() > 82);
                return Ok(());
            }
        };
        for (kind, reminder) in MESSAGES {
            let text = texts.render(kind, reminder, &link).unwrap();
            proptest::prop_assert!(gsm7::septets(&text).is_ok_and(|count| count <= SEGMENT), "{}", text);
            proptest::prop_assert!(text.split(' ').any(|word| word == link), "{}", text);
            proptest::prop_assert!(!text.contains('\n') && !text.contains("  "), "{}", text);
        }
    }
}
