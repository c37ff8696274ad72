//! The pretend Cobalt's webhook registration, in every documented shape, and naming an account.

use crate::support::*;
use hyper::Method;
use relink_core::masked::Secret;
use relink_http::client::Answer;
use relink_sandbox::{PretendCobalt, RegisterAnswer, Registration, RotatePath};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

const REGISTER: &str = r#"{"webhook_url":"https://relink.example.org/webhooks/cobalt"}"#;

async fn cobalt() -> (PretendCobalt, DropGuard) {
    let stop = CancellationToken::new();
    let nowhere = "http://127.0.0.1:9/";
    let cobalt = PretendCobalt::start(ANY, nowhere, &Secret::new("s"), stop.clone()).await.unwrap();
    cobalt.add_account("clinic_1", "token-1");
    (cobalt, stop.drop_guard())
}

async fn ask(cobalt: &PretendCobalt, method: Method, path: &str, body: &'static str) -> Answer {
    ask_as(cobalt, method, path, "", body).await
}

async fn ask_as(
    cobalt: &PretendCobalt,
    method: Method,
    path: &str,
    token: &str,
    body: &'static str,
) -> Answer {
    let headers = [("client_id", "c"), ("client_secret", "s"), ("access_token", token)];
    call(method, &format!("{}{path}", cobalt.url()), &headers, body).await
}

/// The names of the fields, those of `webhook` with its name before them.
fn fields(answer: &Answer) -> Vec<String> {
    let value = json(answer);
    let names = |value: &Value| -> Vec<String> {
        value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let nested = names(&value["webhook"]).into_iter().map(|name| format!("webhook.{name}"));
    names(&value).into_iter().filter(|name| name != "webhook").chain(nested).collect()
}

#[tokio::test]
async fn a_registration_is_answered_in_each_documented_shape_and_listed() {
    let (cobalt, _running) = cobalt().await;
    for (answer, expected) in [
        (RegisterAnswer::SecretOnly, ["success", "message", "webhook_secret_key"].as_slice()),
        (
            RegisterAnswer::Nested,
            &["success", "webhook.id", "webhook.webhook_url", "webhook.secret"],
        ),
        (RegisterAnswer::Flat, &["success", "webhook_id", "webhook_url", "webhook_secret"]),
        (
            RegisterAnswer::NestedLong,
            &["success", "webhook.webhook_id", "webhook.webhook_url", "webhook.webhook_secret_key"],
        ),
    ] {
        cobalt.register_as(Registration { answer, ..Registration::default() });
        let made = ask(&cobalt, Method::POST, "/v1/webhook", REGISTER).await;
        assert_eq!((made.status.as_u16(), fields(&made)), (200, owned(expected)));
    }
    let listed = json(&ask(&cobalt, Method::GET, "/v1/webhook", "").await);
    assert_eq!(listed["webhook_urls"].as_array().unwrap().len(), 4);
    assert_eq!(listed["webhook_url"], "https://relink.example.org/webhooks/cobalt");
    assert_eq!(listed["webhook_secret_key"], cobalt.shared_secret());
    let refused = ask(&cobalt, Method::POST, "/v1/webhook", r#"{"webhook_url":"http://a"}"#).await;
    assert_eq!(refused.status, 400);
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_secret_is_rotated_by_the_paths_that_are_there_and_a_url_is_removed_once() {
    let (cobalt, _running) = cobalt().await;
    assert_eq!(ask(&cobalt, Method::POST, "/v1/webhook/rotate-secret", "").await.status, 404);
    ask(&cobalt, Method::POST, "/v1/webhook", REGISTER).await;
    let id = cobalt.registered().remove(0).id;
    let (bare, named) =
        ("/v1/webhook/rotate-secret".to_owned(), format!("/v1/webhook/{id}/rotate-secret"));
    for (rotates, expected) in [
        (RotatePath::Either, [200, 200]),
        (RotatePath::WithId, [404, 200]),
        (RotatePath::WithoutId, [200, 404]),
    ] {
        cobalt.register_as(Registration { rotates, ..Registration::default() });
        for (path, expected) in [&bare, &named].into_iter().zip(expected) {
            let before = cobalt.shared_secret();
            let answer = ask(&cobalt, Method::POST, path, "").await;
            assert_eq!(answer.status, expected, "{rotates:?} {path}");
            assert_eq!(cobalt.shared_secret() != before, expected == 200);
            if expected == 200 {
                assert_eq!(json(&answer)["webhook"]["secret"], cobalt.shared_secret());
            }
        }
    }
    let own = Registration { secret_for_each: true, ..Registration::default() };
    cobalt.register_as(own);
    let shared = cobalt.shared_secret();
    let rotated = json(&ask(&cobalt, Method::POST, &named, "").await);
    assert_eq!(rotated["webhook"]["secret"], cobalt.registered().remove(0).secret);
    assert_eq!(cobalt.shared_secret(), shared, "only its own");

    let path = format!("/v1/webhook/{id}");
    assert_eq!(ask(&cobalt, Method::DELETE, &path, "").await.status, 200);
    assert_eq!(ask(&cobalt, Method::DELETE, &path, "").await.status, 404);
    assert!(cobalt.registered().is_empty());
}

#[tokio::test]
async fn where_an_access_token_is_wanted_nothing_goes_without_one() {
    let (cobalt, _running) = cobalt().await;
    cobalt.register_as(Registration { needs_access_token: true, ..Registration::default() });
    for token in ["", "another"] {
        let refused = ask_as(&cobalt, Method::GET, "/v1/webhook", token, "").await;
        assert_eq!(refused.status, 401, "{token}");
    }
    assert_eq!(ask_as(&cobalt, Method::GET, "/v1/webhook", "token-1", "").await.status, 200);
}

#[tokio::test]
async fn an_account_takes_the_name_that_it_is_given_and_nothing_else() {
    let (cobalt, _running) = cobalt().await;
    let set =
        async |token: &str, body| ask_as(&cobalt, Method::POST, "/v1/settings", token, body).await;
    let named = set("token-1", r#"{"access_token_reference_id":"connection-7"}"#).await;
    assert_eq!(json(&named)["data"]["access_token_reference_id"], "connection-7");
    assert_eq!(cobalt.reference_of("token-1").as_deref(), Some("connection-7"));
    for body in ["", "{}", r#"{"access_token_reference_id":"a","timezone":"UTC"}"#] {
        assert_eq!(set("token-1", body).await.status, 400, "{body}");
    }
    let body = r#"{"access_token_reference_id":"a"}"#;
    assert_eq!(set("another", body).await.status, 404);
    cobalt.break_silently("connection-7");
    let broken = set("token-1", body).await;
    assert_eq!((broken.status.as_u16(), &json(&broken)["error"]), (403, &"login_required".into()));
    assert_eq!(cobalt.reference_of("token-1").as_deref(), Some("connection-7"));
}
