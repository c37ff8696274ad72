use super::*;
use crate::scripted::{Act, SID, Twilio, sender, sender_within};
use serde_json::{Value, json};

const LINK: &str = "https://relink.example.org/r/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCde";
const OTHER: &str = "SMffffffffffffffffffffffffffffffff";

fn message(sid: &str, status: &str, body: &str) -> Value {
    json!({"sid": sid, "status": status, "error_code": null, "body": body,
        "date_created": "Tue, 21 Oct 2025 14:30:05 +0000"})
}

fn text() -> String {
    format!("Acme Health: sign in again: {LINK} Reply STOP to opt out")
}

fn page(messages: &[Value], next: Option<&str>) -> Act {
    Act::Answer(200, "", json!({"messages": messages, "next_page_uri": next}).to_string())
}

async fn search(sender: &SmsSender, begun: &str) -> LookUp {
    look_up(sender, &"+15558675310".parse().unwrap(), LINK, begun.parse().unwrap()).await
}

async fn search_in(script: Vec<Act>) -> LookUp {
    let twilio = Twilio::start(script).await;
    search(&sender(&twilio.url), "2025-10-21T14:30:00Z").await
}

fn found(sid: &str) -> LookUp {
    LookUp::Found { provider_message_id: sid.into() }
}

fn unavailable(reason: Reason) -> LookUp {
    LookUp::Unavailable { reason }
}

#[tokio::test]
async fn the_request_names_recipient_and_day() {
    let twilio = Twilio::start(vec![page(&[], None), page(&[], None)]).await;
    let sender = sender(&twilio.url);
    assert_eq!(search(&sender, "2025-10-21T14:30:00Z").await, LookUp::Absent);
    // The clocks need not agree on the day.
    assert_eq!(search(&sender, "2025-10-21T00:30:00Z").await, LookUp::Absent);
    let seen = twilio.seen();
    insta::assert_snapshot!(seen[0].replace('\r', ""));
    assert!(seen[1].contains("DateSent%3E=2025-10-20&"), "{}", seen[1]);
}

#[tokio::test]
async fn a_message_is_ours_by_its_whole_link() {
    let longer = format!("x {LINK}A y");
    let absent = vec![
        vec![],
        vec![message(SID, "sent", "another text")],
        vec![message(SID, "sent", &longer)],
        vec![message(SID, "sent", &LINK[..60])],
    ];
    for messages in absent {
        assert_eq!(search_in(vec![page(&messages, None)]).await, LookUp::Absent, "{messages:?}");
    }
    for status in ["accepted", "queued", "sending", "sent", "delivered", "undelivered", "new"] {
        let messages = [message(OTHER, "sent", "other"), message(SID, status, &text())];
        assert_eq!(search_in(vec![page(&messages, None)]).await, found(SID), "{status}");
    }
}

#[tokio::test]
async fn what_failed_at_twilio_never_reached_a_carrier() {
    let mut failed = message(SID, "failed", &text());
    failed["error_code"] = json!(21610);
    let refused = LookUp::Refused { reason: Reason::OptedOut };
    assert_eq!(search_in(vec![page(std::slice::from_ref(&failed), None)]).await, refused);
    let both = [failed, message(OTHER, "queued", &text())];
    assert_eq!(search_in(vec![page(&both, None)]).await, found(OTHER), "a resend got through");
    let canceled = [message(SID, "canceled", &text())];
    let refused = LookUp::Refused { reason: Reason::TemporaryRefusal };
    assert_eq!(search_in(vec![page(&canceled, None)]).await, refused);
}

#[tokio::test]
async fn pages_are_followed_to_the_end_and_no_further_than_the_limit() {
    let next = Some("/2010-04-01/Accounts/AC1/Messages.json?Page=1&PageToken=PA1");
    let twilio = Twilio::start(vec![
        page(&[message(OTHER, "sent", "other")], next),
        page(&[message(SID, "sent", &text())], None),
    ])
    .await;
    assert_eq!(search(&sender(&twilio.url), "2025-10-21T14:30:00Z").await, found(SID));
    let second = twilio.seen()[1].clone();
    assert!(second.starts_with("GET /2010-04-01/Accounts/AC1/Messages.json?Page=1&PageToken=PA1 "));

    assert_eq!(search_in(vec![page(&[], next), page(&[], Some(""))]).await, LookUp::Absent);
    let endless: Vec<Act> = (0..MAX_PAGES).map(|_| page(&[], next)).collect();
    assert_eq!(search_in(endless).await, unavailable(Reason::ProviderError));
}

#[tokio::test]
async fn credentials_do_not_follow_a_page_to_another_host() {
    for next in
        ["//evil.example/2010-04-01/", "https://evil.example/", "@evil.example/", ".evil.example"]
    {
        let answer = search_in(vec![page(&[], Some(next))]).await;
        assert_eq!(answer, unavailable(Reason::ProviderError), "{next}");
    }
}

#[tokio::test]
async fn a_text_that_was_taken_out_leaves_the_doubt() {
    let hidden = message(SID, "sent", "");
    assert_eq!(
        search_in(vec![page(std::slice::from_ref(&hidden), None)]).await,
        unavailable(Reason::ProviderError)
    );
    let mut earlier = hidden;
    earlier["date_created"] = json!("Tue, 21 Oct 2025 10:00:00 +0000");
    assert_eq!(search_in(vec![page(&[earlier], None)]).await, LookUp::Absent);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_proves_nothing() {
    let answer = |status, body: &str| Act::Answer(status, "", body.to_owned());
    for (act, reason) in [
        (answer(200, "garbage"), Reason::ProviderError),
        (answer(200, "{}"), Reason::ProviderError),
        (answer(401, r#"{"code":20003}"#), Reason::CredentialsRefused),
        (answer(404, r#"{"code":20404}"#), Reason::EndpointWrong),
        (answer(429, r#"{"code":20429}"#), Reason::ProviderBusy),
        (answer(500, ""), Reason::ProviderError),
        (Act::BreakOff, Reason::ProviderError),
        (Act::Reset, Reason::NoAnswer),
    ] {
        assert_eq!(search_in(vec![act]).await, unavailable(reason));
    }
    let twilio = Twilio::start(vec![Act::Hang]).await;
    let hasty = sender_within(&twilio.url, Duration::from_millis(300));
    assert_eq!(search(&hasty, "2025-10-21T14:30:00Z").await, unavailable(Reason::NoAnswer));
}
