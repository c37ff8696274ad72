//! Webhooks as Cobalt documents them: signed over what is sent, retried once, and only then.

use crate::support::*;
use aws_lc_rs::hmac;
use relink_core::masked::Secret;
use relink_sandbox::{PretendCobalt, WebhookFault};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

const SECRET: &str = "your_webhook_secret_key";

async fn cobalt(told: &[Told]) -> (PretendCobalt, Listener, DropGuard) {
    let (listener, stop) = (Listener::start(told).await, CancellationToken::new());
    let url = format!("http://{}/webhooks/cobalt", listener.address);
    let cobalt = PretendCobalt::start(ANY, &url, &Secret::new(SECRET), stop.clone()).await.unwrap();
    cobalt.add_account("clinic_1", "token-1");
    (cobalt, listener, stop.drop_guard())
}

/// Whether the signature is the documented one over these bytes.
fn is_signed(got: &Got, bytes: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hex::decode(got.header("cobalt-verification")).unwrap();
    hmac::verify(&key, bytes, &tag).is_ok()
}

#[tokio::test]
async fn a_broken_login_is_posted_once_signed_over_the_raw_bytes() {
    let (cobalt, listener, _stop) = cobalt(&[Some((202, "{}"))]).await;
    let posted = cobalt.break_login("clinic_1").await;
    assert_eq!((posted.status, posted.attempts), (Some(202), 1));
    let got = listener.got();
    assert_eq!((got.len(), got[0].path.as_str()), (1, "/webhooks/cobalt"));
    assert!(is_signed(&got[0], &got[0].body));
    let body: Value = serde_json::from_slice(&got[0].body).unwrap();
    assert_eq!(body["type"], "access_token.login_required");
    assert_eq!(body["access_token_reference_id"], "clinic_1");
    assert_eq!(body["id"], posted.event_id);
    let head = ["webhook-id", "webhook-attempt", "content-type"].map(|name| got[0].header(name));
    assert_eq!(head, [posted.event_id.as_str(), "1", "application/json"]);
    assert_eq!(body["created"], got[0].header("webhook-timestamp"));
    assert!(!String::from_utf8_lossy(&got[0].body).contains("token-1"));
}

#[tokio::test]
async fn trouble_on_the_other_side_is_met_with_one_retry_a_second_later() {
    for (told, end) in [
        ([Some((503, "")), Some((202, ""))], Some(202)),
        ([None, Some((202, ""))], Some(202)),
        ([Some((500, "")), Some((502, ""))], Some(502)),
        ([Some((500, "")), None], None),
    ] {
        let (cobalt, listener, _stop) = cobalt(&told).await;
        let begun = Instant::now();
        let posted = cobalt.break_login("clinic_1").await;
        assert_eq!((posted.status, posted.attempts), (end, 2), "{told:?}");
        assert!(begun.elapsed() >= Duration::from_secs(1));
        let got = listener.got();
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].body, got[1].body, "the same event, to the byte");
        assert_eq!(got[1].header("webhook-attempt"), "2");
    }
}

#[tokio::test]
async fn nobody_there_is_met_with_one_retry_too() {
    let (cobalt, _listener, _stop) = cobalt(&[]).await;
    let closed = tokio::net::TcpListener::bind(ANY).await.unwrap().local_addr().unwrap();
    cobalt.post_to(&format!("http://{closed}/"));
    let posted = cobalt.break_login("clinic_1").await;
    assert_eq!((posted.status, posted.attempts), (None, 2));
}

#[tokio::test]
async fn a_refusal_is_final() {
    for status in [400, 401, 404, 429] {
        let (cobalt, listener, _stop) = cobalt(&[Some((status, ""))]).await;
        let posted = cobalt.break_login("clinic_1").await;
        assert_eq!((posted.status, posted.attempts), (Some(status), 1));
        assert_eq!(listener.got().len(), 1);
    }
}

#[tokio::test]
async fn each_fault_of_a_webhook_is_what_it_says_and_strikes_once() {
    let (cobalt, listener, _stop) = cobalt(&[]).await;
    cobalt.webhooks.push(WebhookFault::WrongSecret);
    cobalt.webhooks.push(WebhookFault::PrettyPrinted);
    cobalt.webhooks.push(WebhookFault::Twice);
    cobalt.webhooks.push(WebhookFault::NotPosted);
    for _ in 0..3 {
        cobalt.break_login("clinic_1").await;
    }
    let unposted = cobalt.break_login("clinic_1").await;
    assert_eq!((unposted.status, unposted.attempts), (None, 0));
    let got = listener.got();
    assert_eq!(got.len(), 4);
    assert!(!is_signed(&got[0], &got[0].body));
    let pretty: Value = serde_json::from_slice(&got[1].body).unwrap();
    assert!(!is_signed(&got[1], &got[1].body) && is_signed(&got[1], pretty.to_string().as_bytes()));
    assert!(is_signed(&got[2], &got[2].body));
    assert_eq!(got[2].body, got[3].body);
    cobalt.break_login("clinic_1").await;
    assert!(is_signed(&listener.got()[4], &listener.got()[4].body));
}
