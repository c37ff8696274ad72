//! Records of a topic's log and files of dead letters, damaged.

use super::super::{letter_file, message};
use super::key;
use bytes::Bytes;
use relink_fuzz::Target;
use uuid::Uuid;

#[test]
fn records_of_a_topic() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "record");
    target.words(&[b"\x01\x00", b"\x01\x37", b"\x02", b"00-"]).rounds(8_000).run(|bytes, _| {
        let record = Bytes::copy_from_slice(bytes);
        let Some((trace, body)) = message::decode(&record) else { return };
        assert_eq!(bytes[0], 1, "only our format is read as ours");
        assert_eq!(body, &bytes[2 + usize::from(bytes[1])..], "the body is the rest");
        let again = message::decode(&message::encode(trace, &body));
        assert_eq!(again, Some((trace, body)), "written and read again");
    });
}

#[test]
fn files_of_dead_letters() {
    let id: Uuid = "0195f3a2-0000-7000-8000-000000000000".parse().unwrap();
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "letter");
    let words: &[&[u8]] = &[b"\"v\":0,", b"\"v\":2,", b"\"body\":\"AAAA\",", b"send.email"];
    target.words(words).rounds(4_000).run(|text, _| match letter_file::decode(&key(), id, text) {
        // The body is sealed and bound to the letter: it is the one that was buried, or none.
        Ok(letter) => assert_eq!(&letter.body[..], b"the body"),
        Err(error) => {
            let error = error.to_string();
            assert!(error.len() < 120 && !error.contains("evt-1"), "{error}");
        }
    });
}
