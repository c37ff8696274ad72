//! Twilio's lists, damaged: a message is ours only with our link in it, and credentials go to no
//! other host.

use super::*;
use relink_fuzz::Target;

const LINK: &str = "https://relink.example.org/r/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCde";

const WORDS: &[&[u8]] = &[
    b"https://relink.example.org/r/",
    b"\"body\":null,",
    b"\"body\":\"\",",
    b"\"status\":\"failed\",",
    b"\"next_page_uri\":\"//evil.example/2010-04-01/\",",
    b"@evil.example",
    b"Thu, 01 Jan 1970 00:00:00 -2400",
];

#[test]
fn lists_of_twilio() {
    let begun: Timestamp = "2025-10-21T14:30:00Z".parse().unwrap();
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "page");
    target.words(WORDS).rounds(6_000).run(|body, _| {
        let Ok(page) = serde_json::from_slice::<Page>(body) else { return };
        for message in &page.messages {
            let text = message.body.as_deref().unwrap_or_default();
            match place(message, LINK, begun) {
                Place::Found(sid) => {
                    assert!(text.contains(LINK) && !message.failed_at_twilio());
                    assert!(sid.bytes().all(|byte| byte.is_ascii_alphanumeric()));
                }
                Place::Refused(_) => assert!(text.contains(LINK) && message.failed_at_twilio()),
                Place::Hidden => assert!(text.is_empty() || text.contains(LINK)),
                Place::Another => assert!(
                    !text.split_whitespace().any(|word| word == LINK),
                    "a message with our link is never passed over"
                ),
            }
        }
        if let NextPage::At(path) = next_page(page.next_page_uri) {
            let host = "https://api.twilio.com";
            let url: relink_http::Uri = match format!("{host}{path}").parse() {
                Ok(url) => url,
                Err(_) => return,
            };
            assert_eq!(url.host(), Some("api.twilio.com"));
        }
    });
}
