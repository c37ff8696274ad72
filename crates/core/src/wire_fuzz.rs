//! Bodies of queue messages, damaged: what is decoded is what the bytes say, or nothing.

use super::*;
use crate::id::{AccountRef, EventId};
use relink_fuzz::Target;

const WORDS: &[&[u8]] = &[
    b"\"v\":0,",
    b"\"v\":1,",
    b"\"v\":2,",
    b"\"signal\":{},",
    b"\"notification_id\":\"86db0406-f6ef-5c09-a792-e865df98cec9\",",
    b"urn:uuid:",
    b"password_change_warning",
    b"app_report",
];

#[test]
fn signals() {
    Target::new(env!("CARGO_MANIFEST_DIR"), "signal").words(WORDS).rounds(8_000).run(|bytes, _| {
        match SignalMessage::decode(bytes) {
            Ok(SignalMessage { v, signal }) => {
                assert_eq!(v, VERSION, "only our version is read as ours");
                assert!((1..=EventId::MAX_BYTES).contains(&signal.event_id.as_str().len()));
                assert!((1..=AccountRef::MAX_BYTES).contains(&signal.account_ref.as_str().len()));
                let again = SignalMessage::decode(&SignalMessage::encode(&signal));
                assert_eq!(again, Ok(SignalMessage { v, signal }), "written and read again");
            }
            Err(WireError::Newer(v)) => assert!(v > VERSION),
            Err(WireError::Malformed(why)) => tells_a_place_and_no_content(&why),
        }
    });
}

#[test]
fn due_notifications() {
    Target::new(env!("CARGO_MANIFEST_DIR"), "due").words(WORDS).rounds(8_000).run(|bytes, _| {
        match DueMessage::decode(bytes) {
            Ok(DueMessage { v, notification_id }) => {
                assert_eq!(v, VERSION, "only our version is read as ours");
                // A wrong id would be another person's message: it must stand there in full.
                let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
                let text = plain(std::str::from_utf8(bytes).expect("JSON is UTF-8"));
                assert!(text.contains(&plain(&notification_id.to_string())), "not made up");
                let again = DueMessage::decode(&DueMessage::encode(notification_id));
                assert_eq!(again, Ok(DueMessage { v, notification_id }));
            }
            Err(WireError::Newer(v)) => assert!(v > VERSION),
            Err(WireError::Malformed(why)) => tells_a_place_and_no_content(&why),
        }
    });
}

fn tells_a_place_and_no_content(why: &str) {
    let words: String = why.chars().filter(|c| !c.is_ascii_digit()).collect();
    assert!(
        ["line  column ", "version , and this release reads  to "].contains(&&words[..]),
        "{why}"
    );
}
