use super::*;
use relink_core::masked::Secret;

const BODY: &[u8] = include_bytes!("../fixtures/login_required.json");
const PRETTY: &[u8] = include_bytes!("../fixtures/login_required.pretty.json");
const SECRET: &str = "your_webhook_secret_key";
/// Of [`BODY`] and [`PRETTY`] as raw bytes, made by Node's `crypto`.
const TAG: &str = "5073cb50b587cc97f2ea4193c5306111b8ba4b6b829413f40cf4299d8c96daeb";
const PRETTY_TAG: &str = "0d65b63a4842f4300bad24dbafc31b19a98a2af02161f567e6b9133fd89afedf";

fn secret(id: &str, text: &str, not_after: Option<&str>) -> WebhookSecret {
    WebhookSecret {
        id: id.to_owned(),
        secret: Secret::new(text),
        not_after: not_after.map(|text| text.parse().unwrap()),
    }
}

fn now() -> Timestamp {
    "2025-10-21T14:30:01Z".parse().unwrap()
}

/// The id of the secret and the form that matched.
fn check(
    secrets: &[WebhookSecret],
    header: Option<&str>,
    body: &[u8],
) -> Result<(String, SignedForm), VerifyError> {
    let request = Verifier::new(secrets).verify(header, Bytes::copy_from_slice(body), now())?;
    assert_eq!(request.body(), body, "the body is kept as it came");
    Ok((request.secret_id().to_owned(), request.form()))
}

#[test]
fn the_documented_vector_in_every_form() {
    assert_eq!((BODY.len(), PRETTY.len()), (347, 399));
    let only = [secret("only", SECRET, None)];
    let found = |form| Ok(("only".to_owned(), form));
    assert_eq!(check(&only, Some(TAG), BODY), found(SignedForm::Raw));
    assert_eq!(check(&only, Some(&TAG.to_uppercase()), BODY), found(SignedForm::Raw));
    assert_eq!(check(&only, Some(PRETTY_TAG), PRETTY), found(SignedForm::Raw));
    assert_eq!(check(&only, Some(TAG), PRETTY), found(SignedForm::Reserialised));
    // The other way round would let anybody who saw one pretty body choose its layout.
    assert_eq!(check(&only, Some(PRETTY_TAG), BODY), Err(VerifyError::NoMatch));
}

#[test]
fn a_header_that_is_no_bare_hex_tag_is_refused() {
    let only = [secret("only", SECRET, None)];
    let long = format!("{TAG}00");
    let prefixed = format!("sha256={TAG}");
    let spaced = format!(" {TAG}");
    for bad in ["", "zz", &TAG[1..], &TAG[2..], &long, &prefixed, &spaced, &"é".repeat(32)] {
        assert_eq!(check(&only, Some(bad), BODY), Err(VerifyError::Malformed), "{bad}");
    }
    assert_eq!(check(&only, None, BODY), Err(VerifyError::Missing));
}

#[test]
fn every_live_secret_is_tried_and_none_that_has_ended() {
    let ended = secret("old", SECRET, Some("2025-10-21T14:30:00Z"));
    let ending = secret("old", SECRET, Some("2025-10-21T14:30:01Z"));
    let new = secret("new", "another", None);
    assert_eq!(check(&[new.clone(), ended.clone()], Some(TAG), BODY), Err(VerifyError::NoMatch));
    assert_eq!(
        check(&[new.clone(), ending], Some(TAG), PRETTY),
        Ok(("old".to_owned(), SignedForm::Reserialised))
    );
    assert_eq!(check(&[new], Some(TAG), BODY), Err(VerifyError::NoMatch));
    assert_eq!(check(&[ended], Some(TAG), BODY), Err(VerifyError::NoLiveSecret));
    assert_eq!(check(&[], Some(TAG), BODY), Err(VerifyError::NoLiveSecret));
}

#[test]
fn an_empty_secret_never_counts() {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), BODY);
    let header = hex::encode(tag);
    assert_eq!(
        check(&[secret("empty", "", None)], Some(&header), BODY),
        Err(VerifyError::NoLiveSecret)
    );
}

#[test]
fn one_flipped_bit_of_body_or_tag_is_one_too_many() {
    let verifier = Verifier::new(&[secret("only", SECRET, None)]);
    let verify = |header: &str, body: &[u8]| {
        verifier.verify(Some(header), Bytes::copy_from_slice(body), now()).map(|_| ())
    };
    for original in [BODY, PRETTY] {
        for bit in 0..original.len() * 8 {
            let mut body = original.to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            // White space may be swapped for other white space: the text that was signed is the same.
            let same_json = Json::parse(&body).ok() == Json::parse(original).ok();
            assert!(same_json || verify(TAG, &body) == Err(VerifyError::NoMatch), "bit {bit}");
        }
    }
    let tag = hex::decode(TAG).unwrap();
    for bit in 0..tag.len() * 8 {
        let mut tag = tag.clone();
        tag[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(&hex::encode(tag), BODY), Err(VerifyError::NoMatch), "bit {bit}");
    }
}

#[test]
fn what_cannot_be_reserialised_is_a_mismatch_and_no_fault() {
    let only = [secret("only", SECRET, None)];
    for body in [&b""[..], b"\xff", b"{", "[".repeat(100_000).as_bytes()] {
        assert_eq!(check(&only, Some(TAG), body), Err(VerifyError::NoMatch));
    }
}

#[test]
fn nothing_prints_a_secret_or_a_body() {
    let verifier = Verifier::new(&[secret("only", SECRET, None)]);
    let request = verifier.verify(Some(TAG), Bytes::from_static(BODY), now()).unwrap();
    let shown = format!("{verifier:?} {request:?}");
    assert!(!shown.contains(SECRET) && !shown.contains("clinic_1"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn nobody_without_the_secret_is_let_in(
        header in proptest::option::of("[0-9a-f]{64}|.{0,70}"),
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        proptest::prop_assert!(check(&[secret("only", SECRET, None)], header.as_deref(), &body).is_err());
    }
}
