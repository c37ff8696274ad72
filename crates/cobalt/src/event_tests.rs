use super::*;
use crate::verify::Verifier;
use aws_lc_rs::hmac;
use bytes::Bytes;
use relink_config::WebhookSecret;
use relink_core::masked::Secret;
use serde_json::{Value, json};

const BODY: &[u8] = include_bytes!("../fixtures/login_required.json");
const PRETTY: &[u8] = include_bytes!("../fixtures/login_required.pretty.json");
/// SHA-256 of [`BODY`], made by Node's `crypto`.
const DIGEST: &str = "320f35cfef37ff3937c1a7a16be0e022b5a4ce1f9f3e5423f9c0a306efcee4db";

fn received_at() -> Timestamp {
    "2025-10-21T14:30:01.123456Z".parse().unwrap()
}

fn signed(body: &[u8]) -> VerifiedRequest {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s"), body);
    let secret = WebhookSecret { id: "s".into(), secret: Secret::new("s"), not_after: None };
    Verifier::new(&[secret])
        .verify(Some(&hex::encode(tag)), Bytes::copy_from_slice(body), received_at())
        .unwrap()
}

fn parse_with(body: &[u8], webhook_id: Option<&str>) -> Result<Parsed, ParseError> {
    parse(&signed(body), Arrival { received_at: received_at(), trace: None, webhook_id })
}

fn ours(body: &[u8], webhook_id: Option<&str>) -> Reading {
    match parse_with(body, webhook_id).unwrap() {
        Parsed::Ours(reading) => *reading,
        Parsed::Ignored { event_type } => panic!("{event_type} was ignored"),
    }
}

/// The documented event with one field of the envelope replaced or, by `None`, taken out.
fn with(field: &str, value: Option<Value>) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(BODY).unwrap();
    let envelope = body.as_object_mut().unwrap();
    match value {
        Some(value) => envelope.insert(field.to_owned(), value),
        None => envelope.shift_remove(field),
    };
    body.to_string().into_bytes()
}

#[test]
fn the_documented_event_is_understood_in_full() {
    let reading = ours(BODY, Some("550e8400-e29b-41d4-a716-446655440030"));
    assert_eq!(
        reading,
        Reading {
            signal: Signal {
                event_id: "550e8400-e29b-41d4-a716-446655440030".parse().unwrap(),
                account_ref: "clinic_1".parse().unwrap(),
                kind: SignalKind::LoginRequired,
                source: SignalSource::CobaltWebhook,
                occurred_at: "2025-10-21T14:30:00Z".parse().unwrap(),
                received_at: "2025-10-21T14:30:01.123Z".parse().unwrap(),
                emr_instance_domain: Some("https://your-emr-instance.com".into()),
                error_type: Some("password_expired".into()),
                digest: DIGEST.into(),
                trace: None,
            },
            oddities: vec![],
        }
    );
    assert_eq!(ours(PRETTY, None), reading, "white space changes nothing");
    let kept = serde_json::to_string(&reading.signal).unwrap();
    assert!(!kept.contains("FIXTURE"), "Cobalt's message is never kept: {kept}");
}

#[test]
fn three_types_are_ours_and_every_other_is_named_and_let_go() {
    for (event_type, kind) in [
        ("access_token.login_required", SignalKind::LoginRequired),
        ("login_required", SignalKind::LoginRequired),
        ("access_token.password_change_warning", SignalKind::PasswordChangeWarning),
    ] {
        assert_eq!(ours(&with("type", Some(json!(event_type))), None).signal.kind, kind);
    }
    for event_type in
        ["appointment.created", "", "access_token.LOGIN_REQUIRED", "password_change_warning"]
    {
        let body = json!({"type": event_type, "data": {"mrn": "canary"}}).to_string();
        let expected = Parsed::Ignored { event_type: event_type.into() };
        assert_eq!(parse_with(body.as_bytes(), None), Ok(expected));
    }
    let long = json!({"type": format!("a\n{}", "é".repeat(500))}).to_string();
    let expected = Parsed::Ignored { event_type: format!("a{}", "é".repeat(99)) };
    assert_eq!(parse_with(long.as_bytes(), None), Ok(expected));
}

#[test]
fn the_signed_id_counts_then_the_header_then_the_hash() {
    let differs = vec![Oddity::HeaderIdDiffers];
    let unusable = vec![Oddity::IdUnusable];
    let hash = |body: &[u8]| format!("sha256:{}", sha256_hex(body));
    let long = "x".repeat(201);
    let none = with("id", None);
    let table = [
        (with("id", Some(json!("a"))), None, "a".into(), vec![]),
        (with("id", Some(json!("a"))), Some("a"), "a".into(), vec![]),
        (with("id", Some(json!("a"))), Some("b"), "a".into(), differs),
        (with("id", Some(json!("a"))), Some(""), "a".into(), vec![]),
        (with("id", Some(json!("deadbeef".repeat(4)))), None, "deadbeef".repeat(4), vec![]),
        (with("id", Some(json!("x".repeat(200)))), None, "x".repeat(200), vec![]),
        (with("id", Some(json!(1234567))), None, "1234567".into(), vec![]),
        (none.clone(), Some("b"), "b".into(), unusable.clone()),
        (none.clone(), Some(&long), hash(&none), unusable.clone()),
        (none.clone(), None, hash(&none), unusable.clone()),
        (with("id", Some(json!(long))), Some("b"), "b".into(), unusable.clone()),
        (with("id", Some(json!("a\u{0}"))), Some("b"), "b".into(), unusable.clone()),
        (with("id", Some(json!(["a"]))), Some("b"), "b".into(), unusable.clone()),
        (with("id", Some(json!(null))), Some("b"), "b".into(), unusable),
    ];
    for (body, header, id, oddities) in table {
        let reading = ours(&body, header);
        assert_eq!((reading.signal.event_id.as_str(), reading.oddities), (&*id, oddities));
    }
}

#[test]
fn the_account_is_taken_from_the_envelope_then_from_the_data() {
    const FIELD: &str = "access_token_reference_id";
    let table = [
        (Some(json!("a")), Some(json!("a")), Ok(("a", vec![]))),
        (Some(json!("a")), Some(json!("b")), Ok(("a", vec![Oddity::AccountRefsDiffer]))),
        (Some(json!("a")), None, Ok(("a", vec![]))),
        (None, Some(json!("b")), Ok(("b", vec![]))),
        (Some(json!(null)), Some(json!(17)), Ok(("17", vec![]))),
        (Some(json!("x".repeat(201))), Some(json!("b")), Ok(("b", vec![]))),
        (None, None, Err("the field access_token_reference_id is missing")),
        (Some(json!({})), None, Err("the field access_token_reference_id is missing")),
        (
            Some(json!("a\nb")),
            Some(json!("")),
            Err(
                "the field access_token_reference_id is empty, longer than 200 bytes or has a control character",
            ),
        ),
    ];
    for (envelope, data, expected) in table {
        let mut body = json!({"id": "e", "type": "login_required", "data": {}});
        if let Some(value) = envelope {
            body[FIELD] = value;
        }
        if let Some(value) = data {
            body["data"][FIELD] = value;
        }
        let parsed = parse_with(body.to_string().as_bytes(), None).map_err(|e| e.to_string());
        let parsed = parsed.map(|parsed| match parsed {
            Parsed::Ours(r) => (r.signal.account_ref.to_string(), r.oddities),
            Parsed::Ignored { event_type } => panic!("{event_type}"),
        });
        let expected = expected.map(|(text, odd)| (text.to_owned(), odd)).map_err(str::to_owned);
        assert_eq!(parsed, expected, "{body}");
    }
}

#[test]
fn times_may_have_an_offset_be_missing_or_be_wrong() {
    let arrival = "2025-10-21T14:30:01.123Z";
    let unreadable = vec![Oddity::CreatedUnreadable];
    for (created, expected, oddities) in [
        (Some(json!("2025-10-21T07:30:00-07:00")), "2025-10-21T14:30:00Z", vec![]),
        (Some(json!("2025-10-21T14:30:00.000999Z")), "2025-10-21T14:30:00Z", vec![]),
        (Some(json!("2025-10-22T00:00:00Z")), "2025-10-22T00:00:00Z", vec![]),
        (Some(json!(null)), arrival, vec![]),
        (None, arrival, vec![]),
        (Some(json!("2025-10-21T14:30:00")), arrival, unreadable.clone()),
        (Some(json!("yesterday")), arrival, unreadable.clone()),
        (Some(json!(1761057000)), arrival, unreadable),
    ] {
        let reading = ours(&with("created", created.clone()), None);
        let expected: Timestamp = expected.parse().unwrap();
        assert_eq!(
            (reading.signal.occurred_at, reading.oddities),
            (expected, oddities),
            "{created:?}"
        );
    }
}

#[test]
fn nice_to_have_words_are_dropped_when_they_could_do_harm() {
    for (domain, error_type, kept) in [
        (json!("d"), json!("e"), (Some("d"), Some("e"))),
        (json!("x".repeat(301)), json!("x".repeat(101)), (None, None)),
        (json!("a\r\nb"), json!("a\u{1b}[2J"), (None, None)),
        (json!(7), json!({}), (None, None)),
        (json!(""), json!(null), (None, None)),
    ] {
        let data = json!({"emr_instance_domain": domain, "error_type": error_type});
        let signal = ours(&with("data", Some(data)), None).signal;
        assert_eq!((signal.emr_instance_domain.as_deref(), signal.error_type.as_deref()), kept);
    }
    for data in [None, Some(json!(null)), Some(json!("text")), Some(json!([1]))] {
        assert_eq!(ours(&with("data", data), None).signal.emr_instance_domain, None);
    }
}

#[test]
fn of_two_equal_keys_the_last_counts_for_the_meaning_as_for_the_signature() {
    let body = br#"{"id":"a","type":"appointment.created","type":"login_required","id":"b","access_token_reference_id":"c"}"#;
    assert_eq!(ours(body, None).signal.event_id.as_str(), "b");
    assert_eq!(
        ours(body, None).signal.digest,
        sha256_hex(br#"{"id":"b","type":"login_required","access_token_reference_id":"c"}"#)
    );
}

#[test]
fn what_cannot_be_understood_says_which_field_and_never_its_value() {
    let deep = format!("{{\"type\":\"login_required\",\"x\":{}", "[".repeat(100_000));
    for (body, expected) in [
        (&b"\xff{}"[..], "the body is not UTF-8"),
        (b"", "the body is not JSON from byte 0 on"),
        (b"[]", "the body is not a JSON object"),
        (b"null", "the body is not a JSON object"),
        (b"{}", "the field type is missing"),
        (b"{\"type\":7}", "the field type is not text"),
        (b"{\"type\":\"\\ud800\"}", "the field type is not text"),
        (deep.as_bytes(), "the body is nested deeper than 64 levels"),
    ] {
        assert_eq!(parse_with(body, None).map_err(|error| error.to_string()), Err(expected.into()));
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_parsing_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), id in proptest::option::of(".{0,20}")) {
        let _ = parse_with(&bytes, id.as_deref());
    }

    #[test]
    fn an_event_of_ours_with_any_fields_is_understood_or_named(
        id in ".{0,210}", account in ".{0,210}", created in ".{0,40}", domain in ".{0,310}",
    ) {
        let body = json!({"type": "login_required", "id": id, "access_token_reference_id": account,
            "created": created, "data": {"emr_instance_domain": domain}}).to_string();
        match parse_with(body.as_bytes(), None) {
            Ok(Parsed::Ours(reading)) => {
                proptest::prop_assert!(reading.signal.emr_instance_domain.is_none_or(|d| d.len() <= 300));
            }
            Ok(Parsed::Ignored { .. }) => proptest::prop_assert!(false, "ignored"),
            Err(error) => {
                let named = error.to_string().contains("access_token_reference_id");
                proptest::prop_assert!(named, "{}", error);
            }
        }
    }
}
