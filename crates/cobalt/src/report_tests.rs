use super::*;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn report() -> Value {
    json!({"account_ref": "clinic_1", "status": 403, "body": {"success": false,
        "error": "login_required", "message": "Account link expired."}})
}

fn with(field: &str, value: Value) -> Value {
    let mut report = report();
    report[field] = value;
    report
}

fn read(report: &Value, received_at: &str) -> Result<Report, ParseError> {
    parse_report(report.to_string().as_bytes(), at(received_at), None)
}

fn signal(report: &Value, received_at: &str) -> Signal {
    match read(report, received_at) {
        Ok(Report::LoginRequired(signal)) => *signal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_login_required_answer_becomes_a_signal_without_its_wording() {
    let signal = signal(&report(), "2025-10-21T14:30:01.5Z");
    assert_eq!(signal.account_ref.as_str(), "clinic_1");
    assert_eq!((signal.kind, signal.source), (SignalKind::LoginRequired, SignalSource::AppReport));
    assert_eq!(signal.occurred_at, at("2025-10-21T14:30:01.5Z"));
    assert!(signal.event_id.as_str().starts_with("report:"));
    assert!(!serde_json::to_string(&signal).unwrap().contains("expired"));
}

#[test]
fn only_a_403_that_says_so_is_login_required() {
    for report in [
        with("status", json!(401)),
        with("status", json!(200)),
        with("body", json!({"error": "forbidden"})),
        with("body", json!({"message": "login_required"})),
        with("body", json!({"error": ["login_required"]})),
        with("body", json!("login_required")),
        with("body", json!(null)),
    ] {
        assert_eq!(read(&report, "2025-10-21T14:30:00Z"), Ok(Report::SomethingElse), "{report}");
    }
}

#[test]
fn repeats_are_one_event_with_one_digest() {
    let key = |report: &Value, received_at: &str| {
        let signal = signal(report, received_at);
        (signal.event_id, signal.digest)
    };
    let first = key(&report(), "2025-10-21T14:00:00Z");
    let reworded = with("body", json!({"error": "login_required", "message": "other"}));
    assert_eq!(key(&reworded, "2025-10-21T14:00:59Z"), first, "the same minute");
    assert_ne!(key(&report(), "2025-10-21T14:01:00Z"), first, "the next minute");
    assert_eq!(
        key(&with("occurred_at", json!("2025-10-21T07:00:30-07:00")), "2025-10-21T18:00:00Z"),
        first,
        "the minute in which it happened"
    );
    assert_ne!(key(&with("account_ref", json!("clinic_2")), "2025-10-21T14:00:00Z"), first);

    let named = with("id", json!("n1"));
    let first = key(&named, "2025-10-21T14:00:00Z");
    assert_eq!(key(&named, "2025-10-22T20:00:00Z"), first, "an id holds for ever");
    assert_ne!(key(&with("id", json!("n2")), "2025-10-21T14:00:00Z"), first);
    let mut elsewhere = named;
    elsewhere["account_ref"] = json!("clinic_2");
    assert_ne!(key(&elsewhere, "2025-10-21T14:00:00Z"), first, "ids are counted per account");
}

#[test]
fn the_clock_of_this_host_does_not_move_what_the_app_says() {
    let ahead = with("occurred_at", json!("2025-10-21T14:10:00Z"));
    assert_eq!(signal(&ahead, "2025-10-21T14:00:00Z").occurred_at, at("2025-10-21T14:10:00Z"));
}

#[test]
fn every_fault_names_its_field_and_not_its_value() {
    let mut no_account = report();
    no_account.as_object_mut().unwrap().shift_remove("account_ref");
    for (report, expected) in [
        (no_account, "the field account_ref is missing"),
        (json!({"account_ref": "a", "body": {}}), "the field status is missing"),
        (json!({"account_ref": "a", "status": 403}), "the field body is missing"),
        (with("status", json!("403")), "the field status is not a number"),
        (with("id", json!("")), "the field id is not text of 1 to 200 bytes"),
        (with("id", json!(7)), "the field id is not text of 1 to 200 bytes"),
        (with("id", json!("x".repeat(201))), "the field id is not text of 1 to 200 bytes"),
        (
            with("account_ref", json!("a\nb")),
            "the field account_ref is not text of 1 to 200 bytes without control characters",
        ),
        (
            with("occurred_at", json!("2025-10-21 canary")),
            "the field occurred_at is not a time with an offset (RFC 3339, such as 2025-10-21T14:30:00Z)",
        ),
        (json!([report()]), "the body is not a JSON object"),
    ] {
        let error = read(&report, "2025-10-21T14:30:00Z").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert!(parse_report(b"\xff", at("2025-10-21T14:30:00Z"), None).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = parse_report(&bytes, Timestamp::UNIX_EPOCH, None);
    }
}
