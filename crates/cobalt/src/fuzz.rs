//! Bodies from outside, damaged: webhooks, reports of apps, and Cobalt's own answers. No body
//! means two things, and no part of one that must not be shown gets out.

use crate::answer;
use crate::client::CobaltError;
use crate::event::{Arrival, ParseError, Parsed, parse};
use crate::json::{Json, JsonError};
use crate::listed::EventsPage;
use crate::report::{Report, parse_report};
use crate::stringify::stringify;
use crate::verify::{SignedForm, VerifiedRequest, Verifier, VerifyError};
use aws_lc_rs::hmac;
use bytes::Bytes;
use jiff::Timestamp;
use relink_config::WebhookSecret;
use relink_core::id::{AccountRef, EventId};
use relink_core::masked::Secret;
use relink_core::signal::Signal;
use relink_fuzz::{Random, Target};
use relink_http::client::Answer;
use relink_http::{HeaderMap, StatusCode};

const WORDS: &[&[u8]] = &[
    b"access_token.login_required",
    b"access_token.password_change_warning",
    b"\"type\":\"login_required\",",
    b"\"id\":\"another\",",
    b"\"id\":1e21,",
    b"\"access_token_reference_id\":\"another\",",
    b"\"access_token_reference_id\":\"\",",
    b"\"data\":{},",
    b"\"data\":[],",
    b"\"created\":\"2999-01-01T00:00:00Z\",",
    b"\"status\":403.0000000000000001,",
    b"\"error\":\"login_required\",",
    b"\"success\":false,",
    b"\"total_pages\":-1,",
    b"\"events\":{},",
];

fn now() -> Timestamp {
    "2025-10-21T14:30:01.123456Z".parse().unwrap()
}

fn verifier() -> Verifier {
    let secret = WebhookSecret { id: "s".into(), secret: Secret::new("s"), not_after: None };
    Verifier::new(&[secret])
}

fn tag(text: &[u8]) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s"), text))
}

fn verified(tag: &str, body: &[u8]) -> Result<VerifiedRequest, VerifyError> {
    verifier().verify(Some(tag), Bytes::copy_from_slice(body), now())
}

#[test]
fn webhooks() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "webhook");
    target.words(WORDS).rounds(2_000).run(|body, random| {
        let request = verified(&tag(body), body).unwrap();
        assert_eq!((request.form(), &request.body()[..]), (SignedForm::Raw, body));
        let arrival = Arrival { received_at: now(), trace: None, webhook_id: Some("header-id") };
        let parsed = parse(&request, arrival);
        assert_eq!(parsed, parse(&request, arrival), "one body, one meaning");
        match &parsed {
            Ok(Parsed::Ours(reading)) => signal_is_within_limits(&reading.signal),
            Ok(Parsed::Ignored { event_type }) => {
                assert!(event_type.chars().count() <= 100);
                assert!(!event_type.chars().any(char::is_control));
            }
            Err(error) => shows_no_content(error),
        }
        reserialised_is_the_same(body, &parsed);
        one_flip_is_refused(body, random);
    });
}

/// What JavaScript would make of a body is verified in its place, so it must mean the same.
fn reserialised_is_the_same(body: &[u8], parsed: &Result<Parsed, ParseError>) {
    let Ok(json) = Json::parse(body) else {
        assert!(matches!(parsed, Err(ParseError::Json(_))));
        return;
    };
    let text = stringify(&json);
    assert_eq!(stringify(&Json::parse(text.as_bytes()).unwrap()), text, "settles at once");
    // The signature of the compact text proves the body, and the same event comes out of both.
    let by_body = verified(&tag(text.as_bytes()), body).unwrap();
    let by_text = verified(&tag(text.as_bytes()), text.as_bytes()).unwrap();
    let arrival = Arrival { received_at: now(), trace: None, webhook_id: Some("header-id") };
    assert_eq!(parse(&by_body, arrival), parse(&by_text, arrival));
    assert_eq!(&parse(&by_body, arrival), parsed);
}

/// A changed body is refused under either form of the signature, unless the change is in what
/// JSON does not count as content.
fn one_flip_is_refused(body: &[u8], random: &mut Random) {
    let Some(at) = (!body.is_empty()).then(|| random.below(body.len())) else { return };
    let mut changed = body.to_vec();
    changed[at] ^= 1 << random.below(8);
    let (before, after) = (Json::parse(body), Json::parse(&changed));
    let same =
        before.is_ok_and(|before| after.is_ok_and(|after| stringify(&before) == stringify(&after)));
    let raw = verified(&tag(body), &changed).map(|_| ());
    // The text that was signed may be the compact one itself, in which case it vouches for both.
    let compact = Json::parse(&changed).map(|json| stringify(&json).into_bytes());
    assert_eq!(raw.is_ok(), same && compact.as_deref() == Ok(body), "byte {at}");
    if let Ok(before) = Json::parse(body) {
        let reserialised = verified(&tag(stringify(&before).as_bytes()), &changed);
        assert_eq!(reserialised.is_ok(), same, "byte {at}");
    }
}

fn signal_is_within_limits(signal: &Signal) {
    let (event, account) = (signal.event_id.as_str(), signal.account_ref.as_str());
    assert!((1..=EventId::MAX_BYTES).contains(&event.len()));
    assert!((1..=AccountRef::MAX_BYTES).contains(&account.len()));
    let words = [signal.emr_instance_domain.as_deref(), signal.error_type.as_deref()];
    for text in words.into_iter().flatten().chain([event, account, &signal.digest]) {
        assert!(!text.chars().any(char::is_control) && text.len() <= 300, "{text:?}");
    }
    assert_eq!(signal.digest.len(), 64);
}

fn shows_no_content(error: &ParseError) {
    let text = error.to_string();
    assert!(text.len() < 120 && text.is_ascii() && !text.contains("FIXTURE"), "{text}");
}

#[test]
fn reports() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "report");
    target.words(WORDS).rounds(4_000).run(|body, _| {
        let parsed = parse_report(body, now(), None);
        assert_eq!(parsed, parse_report(body, now(), None));
        match parsed {
            Ok(Report::LoginRequired(signal)) => {
                signal_is_within_limits(&signal);
                // Only who says so in so many words.
                let json = Json::parse(body).unwrap();
                assert_eq!(json.get("status"), Some(&Json::Number(403.0)));
                let error = json.get("body").and_then(|body| body.get("error"));
                assert_eq!(error.and_then(Json::as_text).as_deref(), Some("login_required"));
            }
            Ok(Report::SomethingElse) => {}
            Err(error) => shows_no_content(&error),
        }
    });
}

#[test]
fn answers_of_cobalt() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "answer");
    target.words(WORDS).rounds(6_000).run(|body, random| {
        let status = [200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 502, 503];
        let status = *random.pick(&status).unwrap();
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body),
        };
        match answer::understand("ask", &answer) {
            Ok(value) => {
                assert!(answer.status.is_success() && value.is_object());
                if let Some(page) = EventsPage::read(&value, 2) {
                    page_is_within_limits(&page, body);
                }
                if let Some(text) = answer::text(&value, &["token", "link_token"]) {
                    assert!(!text.is_empty() && !text.chars().any(char::is_control));
                }
            }
            Err(CobaltError::LoginRequired { .. }) => assert_eq!(status, 403),
            Err(CobaltError::Refused { code, .. }) => {
                let code = code.unwrap_or_default();
                assert!(code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            Err(CobaltError::Unreadable { .. }) => assert!(answer.status.is_success()),
            Err(error @ (CobaltError::Call { .. } | CobaltError::BadAccessToken)) => {
                panic!("{error}")
            }
        }
    });
}

fn page_is_within_limits(page: &EventsPage, body: &[u8]) {
    assert!(page.events.len() + page.unreadable <= body.len());
    for event in &page.events {
        assert!((1..=EventId::MAX_BYTES).contains(&event.event_id.as_str().len()));
        assert!(!event.event_type.is_empty() && !event.event_type.chars().any(char::is_control));
    }
    // A list that never ends would be asked for without end.
    assert!(page.last || !(page.events.is_empty() && page.unreadable == 0));
}

/// The deepest body that is read must not be too deep for what reads it, in a debug build too.
#[test]
fn deep_nesting_is_an_error_and_not_the_end_of_the_stack() {
    for opener in ["[", "{\"a\":", "[{\"a\":", " [ "] {
        let body = opener.repeat(64 * 1024 / opener.len());
        assert_eq!(Json::parse(body.as_bytes()).err(), Some(JsonError::TooDeep), "{opener}");
    }
}
