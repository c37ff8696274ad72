//! The golden file, and every way in which one can be damaged.

use super::*;
use relink_core::seal::KEY_LEN;
use relink_core::time::from_millis;

/// Key of sevens, nonce of nines, the request and the name below; version 1 without the id.
const GOLDEN_V1: &str = include_str!("golden_v1.hex");
const GOLDEN_V2: &str = include_str!("golden_v2.hex");
const BODY: &[u8] = br#"{"id":"evt-1","type":"access_token.login_required","access_token_reference_id":"clinic_1"}"#;

fn key(byte: u8) -> SealKey {
    SealKey::from_bytes("spool", &[byte; KEY_LEN]).unwrap()
}

fn request() -> Held {
    Held {
        source: "203.0.113.7".into(),
        signature: "0f".repeat(32),
        webhook_id: Some("msg-1".into()),
        body: Bytes::from_static(BODY),
    }
}

fn name() -> Name {
    Name::new(from_millis(1_764_158_400_000), 0x0102_0304, &request().signature, BODY)
}

fn file() -> Vec<u8> {
    encode(&key(7), [9; 12], &name(), &request()).unwrap()
}

#[test]
fn version_two_is_read_and_written_to_the_letter_and_version_one_is_read() {
    assert_eq!(hex::encode(file()), GOLDEN_V2.trim());
    for (golden, webhook_id) in [(GOLDEN_V1, None), (GOLDEN_V2, request().webhook_id)] {
        let golden = hex::decode(golden.trim()).unwrap();
        let expected = Held { webhook_id, ..request() };
        assert_eq!(decode(&key(7), &name(), &golden).unwrap(), expected);
    }
    assert_eq!(
        name().to_string(),
        "1764158400000-01020304-b47cedf9c54fda2af3300979fa3e5142",
        "the name is part of the format"
    );
}

#[test]
fn a_later_version_is_told_from_damage() {
    let mut later = file();
    later[MAGIC.len()] = 3;
    assert_eq!(decode(&key(7), &name(), &later), Err(Unreadable::Newer(3)));
    later[MAGIC.len()] = 0;
    assert_eq!(decode(&key(7), &name(), &later), Err(Unreadable::Malformed));
}

#[test]
fn it_opens_only_under_its_own_name_and_key() {
    let other = Name { source: 1, ..name() };
    assert_eq!(decode(&key(7), &other, &file()), Err(Unreadable::Seal(SealError::DoesNotOpen)));
    assert_eq!(decode(&key(8), &name(), &file()), Err(Unreadable::Seal(SealError::DoesNotOpen)));
}

#[test]
fn every_cut_and_every_flipped_bit_is_noticed() {
    let whole = file();
    for cut in 0..whole.len() {
        assert!(decode(&key(7), &name(), &whole[..cut]).is_err(), "cut at {cut}");
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&key(7), &name(), &flipped).is_err(), "bit {bit}");
    }
    assert!(decode(&key(7), &name(), &[&whole[..], b"x"].concat()).is_err());
}

#[test]
fn sealed_nonsense_is_damage_too() {
    for plain in [&b""[..], b"\x05ab", b"\x00\x41abc", b"\x01\xff\x00\x00{}", b"\x00\x00\x09{}"] {
        let sealed = key(7).seal([1; 12], &place(VERSION, &name()), plain).unwrap();
        let file = [&MAGIC[..], &[VERSION], &sealed].concat();
        assert_eq!(decode(&key(7), &name(), &file), Err(Unreadable::Malformed), "{plain:?}");
    }
}

#[test]
fn nothing_of_a_request_is_readable_in_its_file() {
    let file = file();
    for part in [&b"evt-1"[..], b"clinic_1", b"203.0.113.7", b"0f0f0f0f", b"login_required"] {
        assert!(!file.windows(part.len()).any(|window| window == part));
    }
    assert_eq!(format!("{:?}", request()), format!("Held {{ bytes: {}, .. }}", BODY.len()));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = decode(&key(7), &name(), &bytes);
        let framed = [&MAGIC[..], &[VERSION], &bytes].concat();
        let _ = decode(&key(7), &name(), &framed);
    }
}
