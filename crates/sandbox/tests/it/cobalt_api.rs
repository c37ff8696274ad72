//! The pretend Cobalt's API: what works, what a broken login does to it, what is listed.

use crate::support::*;
use hyper::Method;
use relink_core::masked::Secret;
use relink_http::client::Answer;
use relink_sandbox::{ApiFault, Listing, PretendCobalt, WebhookFault};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A pretend Cobalt, and what goes on for as long as it is held.
async fn cobalt() -> (PretendCobalt, (Listener, DropGuard)) {
    let stop = CancellationToken::new();
    let listener = Listener::start(&[]).await;
    let url = format!("http://{}/", listener.address);
    let cobalt = PretendCobalt::start(ANY, &url, &Secret::new("s"), stop.clone()).await.unwrap();
    cobalt.add_account("clinic_1", "token-1");
    (cobalt, (listener, stop.drop_guard()))
}

async fn ask(
    cobalt: &PretendCobalt,
    method: Method,
    path: &str,
    token: &str,
    body: &'static str,
) -> Answer {
    let headers = [("client_id", "c"), ("client_secret", "s"), ("access_token", token)];
    call(method, &format!("{}{path}", cobalt.url()), &headers, body).await
}

async fn get(cobalt: &PretendCobalt, path: &str) -> Answer {
    ask(cobalt, Method::GET, path, "token-1", "").await
}

#[tokio::test]
async fn a_broken_login_is_refused_until_it_is_repaired() {
    let (cobalt, _running) = cobalt().await;
    let fine = get(&cobalt, "/v1/settings").await;
    assert_eq!(json(&fine)["data"]["access_token_reference_id"], "clinic_1");
    cobalt.webhooks.push(WebhookFault::NotPosted);
    cobalt.break_login("clinic_1").await;
    let broken = get(&cobalt, "/v1/settings").await;
    assert_eq!(broken.status, 403);
    assert_eq!(
        json(&broken),
        serde_json::json!({
            "success": false, "error": "login_required",
            "message": "Account link expired. Please go through the integration setup again.",
        })
    );
    cobalt.repair_login("clinic_1");
    assert_eq!(get(&cobalt, "/v1/settings").await.status, 200);
    assert_eq!(ask(&cobalt, Method::GET, "/v1/settings", "another", "").await.status, 404);
}

#[tokio::test]
async fn without_credentials_or_a_route_there_is_nothing() {
    let (cobalt, _running) = cobalt().await;
    let bare = call(Method::GET, &format!("{}/v1/settings", cobalt.url()), &[], "").await;
    assert_eq!(bare.status, 401);
    assert_eq!(get(&cobalt, "/v1/nothing").await.status, 404);
    assert_eq!(ask(&cobalt, Method::DELETE, "/v1/settings", "token-1", "").await.status, 404);
}

#[tokio::test]
async fn faults_of_the_api_strike_one_call_each() {
    let (cobalt, _running) = cobalt().await;
    cobalt.api.push(ApiFault::Status(502));
    cobalt.api.push(ApiFault::Garbage);
    assert_eq!(get(&cobalt, "/v1/settings").await.status, 502);
    let garbage = get(&cobalt, "/v1/settings").await;
    assert_eq!(garbage.status, 200);
    assert!(serde_json::from_slice::<Value>(&garbage.body).is_err());
    assert_eq!(get(&cobalt, "/v1/settings").await.status, 200);
}

#[tokio::test]
async fn events_are_listed_by_page_kind_delivery_and_day() {
    let (cobalt, _running) = cobalt().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let kind = if n == 0 {
            "access_token.password_change_warning"
        } else {
            "access_token.login_required"
        };
        if n == 4 {
            cobalt.webhooks.push(WebhookFault::NotPosted);
        }
        ids.push(cobalt.post_event("clinic_1", kind).await.event_id);
    }
    let listed = async |query: &str| {
        let answer = get(&cobalt, &format!("/v1/webhook-events{query}")).await;
        let body = json(&answer);
        let events = body["webhook_events"].as_array().unwrap().iter();
        let ids = events.map(|event| event["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (ids, body["pagination"].clone())
    };
    // Newest first, unless asked otherwise.
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(listed("").await.0, newest);
    assert_eq!(listed("?sort=-created_at").await.0, newest);
    assert_eq!(listed("?sort=created_at").await.0, ids);

    let (first, pagination) = listed("?sort=created_at&page_size=2").await;
    assert_eq!(first, ids[..2]);
    assert_eq!(
        pagination,
        serde_json::json!({"current_page": 1, "total_pages": 3, "total_count": 5, "page_size": 2})
    );
    assert_eq!(listed("?sort=created_at&page_size=2&page=3").await.0, ids[4..]);
    assert!(listed("?page_size=2&page=4").await.0.is_empty());
    assert_eq!(listed("?page_size=1000").await.1["page_size"], 100);

    assert_eq!(listed("?event_type=access_token.password_change_warning").await.0, ids[..1]);
    for name in ["status", "delivery_status"] {
        assert_eq!(listed(&format!("?{name}=failed")).await.0, ids[4..], "{name}");
        assert_eq!(listed(&format!("?{name}=success")).await.0.len(), 4);
    }
    assert_eq!(listed("?start_date=2020-01-01&end_date=2999-12-31").await.0.len(), 5);
    assert!(listed("?start_date=2999-01-01").await.0.is_empty());
    assert!(listed("?end_date=2020-01-01").await.0.is_empty());
}

#[tokio::test]
async fn the_list_can_be_had_in_every_way_that_the_pages_leave_open() {
    let (cobalt, _running) = cobalt().await;
    let created: relink_core::Timestamp = "2026-11-20T08:00:00Z".parse().unwrap();
    cobalt.add_account("clinic_2", "another-token");
    for (id, account) in [("e1", "clinic_1"), ("e2", "clinic_2")] {
        cobalt.list_missed(id, account, "access_token.login_required", created);
    }
    let list = async || get(&cobalt, "/v1/webhook-events?sort=created_at").await;
    let items = async || json(&list().await)["webhook_events"].as_array().unwrap().clone();

    // With an account's token, its events and no others.
    let older = items().await;
    assert_eq!(older.len(), 1);
    assert_eq!((&older[0]["id"], &older[0]["delivered"]), (&"e1".into(), &false.into()));

    cobalt.list_as(Listing { newer: true, urls: 2, ..Listing::default() });
    let newer = items().await;
    assert_eq!(newer.len(), 2);
    assert_eq!(newer[0], newer[1]);
    assert_eq!(newer[0]["event_id"], "e1");
    assert_eq!(newer[0]["event_type"], "access_token.login_required");
    assert_eq!(newer[0]["created_at"], "2026-11-20T08:00:00Z");
    assert_eq!(newer[0]["id"], Value::Null);

    cobalt.list_as(Listing { failing_page: Some((1, 502)), ..Listing::default() });
    assert_eq!(list().await.status, 502);
    assert_eq!(get(&cobalt, "/v1/webhook-events?page=2").await.status, 200);

    cobalt.list_as(Listing::default());
    cobalt.break_silently("clinic_1");
    let refused = list().await;
    assert_eq!(
        (refused.status.as_u16(), json(&refused)["error"].clone()),
        (403, "login_required".into())
    );
}
