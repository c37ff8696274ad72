use super::*;
use crate::scripted::{Act, PUBLIC_URL, SID, Twilio, config, sender, sender_within};
use relink_core::id::{CaseId, EventId};
use relink_core::masked::{EmailAddress, Secret};
use relink_core::signal::SignalKind;
use relink_http::client::Limits;

const LINK: &str = "https://relink.example.org/r/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCde";

fn order() -> MessageOrder {
    MessageOrder {
        notification_id: "2639c97f-0d8e-56e7-a3f0-48f01b3f9f71".parse().unwrap(),
        case_id: CaseId::opened_by(&EventId::parse("evt-1").unwrap()),
        kind: SignalKind::LoginRequired,
        reminder: false,
        address: Address::Phone("+15558675310".parse().unwrap()),
        locale: None,
        name: Some("Canary Name".into()),
        link: LINK.into(),
        valid_for: Duration::from_secs(3600),
    }
}

async fn send_to(act: Act) -> Sent {
    let twilio = Twilio::start(vec![act]).await;
    sender(&twilio.url).send(&order()).await
}

fn answer(status: u16, body: &str) -> Act {
    Act::Answer(status, "", body.to_owned())
}

fn sent(outcome: Outcome, id: Option<&str>, code: Option<&str>) -> Sent {
    Sent {
        outcome,
        provider_message_id: id.map(str::to_owned),
        provider_code: code.map(str::to_owned),
    }
}

fn later(reason: Reason) -> Outcome {
    Outcome::Deferred { reason, retry_after: None }
}

#[tokio::test]
async fn the_request_to_the_byte() {
    let body = format!(r#"{{"sid":"{SID}","status":"queued","error_code":null}}"#);
    let twilio = Twilio::start(vec![answer(201, &body)]).await;
    let outcome = sender(&twilio.url).send(&order()).await;
    assert_eq!(outcome, sent(Outcome::Accepted, Some(SID), None));
    insta::assert_snapshot!(twilio.seen().join("\n").replace('\r', ""));
}

#[tokio::test]
async fn a_name_with_everything_that_a_form_must_escape_and_a_messaging_service() {
    let body = format!(r#"{{"sid":"{SID}","status":"accepted"}}"#);
    let twilio = Twilio::start(vec![answer(201, &body)]).await;
    let http = HttpClient::new(Limits::default()).unwrap();
    let config = config(&format!("{}/", twilio.url), SmsFrom::MessagingService("MG1".into()));
    let sender = SmsSender::new(&config, "é&+=%ñ€", PUBLIC_URL, http).unwrap();
    let order = MessageOrder { valid_for: Duration::from_secs(999_999), reminder: true, ..order() };
    assert_eq!(sender.send(&order).await.outcome, Outcome::Accepted);
    let seen = twilio.seen().join("");
    let (_, form) = seen.split_once("\r\n\r\n").unwrap();
    insta::assert_snapshot!(form);
}

#[tokio::test]
async fn a_message_of_no_time_left_is_still_a_valid_request() {
    let form = |secs| {
        let http = HttpClient::new(Limits::default()).unwrap();
        let config = config("http://h", SmsFrom::Number("+15557122661".into()));
        let sender = SmsSender::new(&config, "A", PUBLIC_URL, http).unwrap();
        let to = "+15558675310".parse().unwrap();
        String::from_utf8(sender.form(&to, "t", Duration::from_secs(secs)).to_vec()).unwrap()
    };
    assert!(form(0).contains("ValidityPeriod=1&"));
    assert!(form(90).contains("ValidityPeriod=90&"));
    assert!(form(1_000_000).contains("ValidityPeriod=36000&"));
}

#[tokio::test]
async fn success_is_a_message_id_and_nothing_less() {
    let doubt = |code| sent(Outcome::Unknown { reason: Reason::ProviderError }, None, Some(code));
    let accepted = sent(Outcome::Accepted, Some(SID), None);
    let good = format!(r#"{{"sid":"{SID}","status":"queued","new_field":[1]}}"#);
    for (status, body, expected) in [
        (201, good.as_str(), accepted.clone()),
        (200, &good, accepted),
        (201, "", doubt("http 201")),
        (201, "<html>", doubt("http 201")),
        (201, "{}", doubt("http 201")),
        (201, r#"{"sid":null}"#, doubt("http 201")),
        (201, r#"{"sid":"CA123"}"#, doubt("http 201")),
        (201, r#"{"sid":"SM1\u0000"}"#, doubt("http 201")),
        (200, r#"{"sid":["SM1"]}"#, doubt("http 200")),
        (201, &good[..20], doubt("http 201")),
    ] {
        assert_eq!(send_to(answer(status, body)).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_message_that_was_made_and_has_failed_is_judged_by_its_code() {
    for (status, code, outcome) in [
        ("failed", "30006", Outcome::Rejected { reason: Reason::NotAMobile }),
        ("failed", "\"30003\"", later(Reason::HandsetUnreachable)),
        ("undelivered", "30007", Outcome::Rejected { reason: Reason::PolicyRefused }),
        ("failed", "30999", later(Reason::HandsetUnreachable)),
        // It has not failed, so it is on its way.
        ("queued", "30003", Outcome::Accepted),
    ] {
        let body = format!(r#"{{"sid":"{SID}","status":"{status}","error_code":{code}}}"#);
        let expected = sent(outcome, Some(SID), Some(code.trim_matches('"')));
        assert_eq!(send_to(answer(201, &body)).await, expected, "{status} {code}");
    }
    let body = format!(r#"{{"sid":"{SID}","status":"failed","error_code":null}}"#);
    assert_eq!(
        send_to(answer(201, &body)).await,
        sent(later(Reason::TemporaryRefusal), Some(SID), None)
    );
}

#[tokio::test]
async fn refusals_carry_twilios_code_or_the_status() {
    let error = |code: u32| format!(r#"{{"code":{code},"message":"canary","status":400}}"#);
    let doubt = Outcome::Unknown { reason: Reason::ProviderError };
    let rejected = |reason| Outcome::Rejected { reason };
    for (status, body, outcome, code) in [
        (400, error(21211), rejected(Reason::NoSuchRecipient), "21211"),
        (400, error(21610), rejected(Reason::OptedOut), "21610"),
        (400, error(21606), later(Reason::SenderRefused), "21606"),
        (400, r#"{"code":"21614"}"#.into(), rejected(Reason::NotAMobile), "21614"),
        (400, "not json".into(), rejected(Reason::ContentRefused), "http 400"),
        (401, error(20003), later(Reason::CredentialsRefused), "20003"),
        (401, String::new(), later(Reason::CredentialsRefused), "http 401"),
        (403, String::new(), later(Reason::CredentialsRefused), "http 403"),
        (404, error(20404), later(Reason::EndpointWrong), "20404"),
        (429, error(20429), later(Reason::ProviderBusy), "20429"),
        (500, error(20500), doubt.clone(), "20500"),
        (500, "{".into(), doubt.clone(), "http 500"),
        (503, String::new(), doubt, "http 503"),
    ] {
        let expected = sent(outcome, None, Some(code));
        assert_eq!(send_to(answer(status, &body)).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let act = Act::Answer(429, "retry-after: 17\r\n", r#"{"code":20429}"#.into());
    let wish = Some(Duration::from_secs(17));
    let outcome = Outcome::Deferred { reason: Reason::ProviderBusy, retry_after: wish };
    assert_eq!(send_to(act).await.outcome, outcome);
}

#[tokio::test]
async fn what_may_have_arrived_is_unknown() {
    let no_answer = Outcome::Unknown { reason: Reason::NoAnswer };
    assert_eq!(send_to(Act::Reset).await.outcome, no_answer);
    let broken = Outcome::Unknown { reason: Reason::ProviderError };
    assert_eq!(send_to(Act::BreakOff).await.outcome, broken);

    let twilio = Twilio::start(vec![Act::Hang]).await;
    let sender = sender_within(&twilio.url, Duration::from_millis(300));
    assert_eq!(sender.send(&order()).await.outcome, no_answer);
    assert_eq!(twilio.seen().len(), 1, "the request did arrive, once");
}

#[tokio::test]
async fn what_cannot_have_left_is_deferred() {
    // Bound and never listening: the port stays ours and refuses.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    assert_eq!(sender(&url).send(&order()).await, later(Reason::ConnectFailed).into());
}

#[tokio::test]
async fn what_is_no_text_message_is_refused_without_a_request() {
    let twilio = Twilio::start(vec![]).await;
    let sender = sender(&twilio.url);
    let refused = Sent::from(Outcome::Rejected { reason: Reason::ContentRefused });
    let email = Address::Email(EmailAddress::parse("a@example.org").unwrap());
    let too_long = format!("{LINK}{}", "x".repeat(160));
    for order in [
        MessageOrder { address: email, ..order() },
        MessageOrder { kind: SignalKind::Repaired, ..order() },
        MessageOrder { link: too_long, ..order() },
    ] {
        assert_eq!(sender.send(&order).await, refused);
    }
    assert!(twilio.seen().is_empty());
}

#[test]
fn a_setup_that_cannot_work_says_what_to_change() {
    let fault = |change: fn(&mut Sms), public_url: &str| {
        let mut config = config("http://h", SmsFrom::Number("+15557122661".into()));
        change(&mut config);
        let http = HttpClient::new(Limits::default()).unwrap();
        SmsSender::new(&config, "Acme", public_url, http).unwrap_err().to_string()
    };
    let off = "set it, or set sms.enabled = false";
    assert_eq!(
        fault(|c| c.account_sid.clear(), PUBLIC_URL),
        format!("sms.account_sid is empty: {off}")
    );
    assert_eq!(
        fault(|c| c.auth_token = Secret::new(""), PUBLIC_URL),
        format!("sms.auth_token is empty: {off}")
    );
    let long = format!("https://{}.example", "a".repeat(100));
    let fault = fault(|_| {}, &long);
    assert!(fault.starts_with("instance.public_url is 116 characters long"), "{fault}");
}

#[test]
fn nothing_prints_a_credential() {
    let shown = format!("{:?} {:?}", sender("http://h"), sender("http://h").headers());
    assert!(!shown.contains("token") && !shown.contains("QUMx"), "{shown}");
}
