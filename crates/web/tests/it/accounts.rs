//! Accounts come, are replaced, are shown masked, and go.

use crate::support::*;
use relink_core::id::AccountRef;
use serde_json::{Value, json};

#[tokio::test]
async fn an_account_is_registered_shown_masked_replaced_and_forgotten() {
    let world = World::new().await;
    let made = world.put("clinic_1", &account()).await;
    assert_eq!((made.status, made.header("content-type")), (201, "application/json"));
    let shown = made.json();
    assert_eq!(shown["account_ref"], "clinic_1");
    assert_eq!(shown["contacts"][0]["email"], "j***@example.org");
    assert_eq!(shown["contacts"][0]["phone"], "+1***0123");
    assert_eq!(shown["contacts"][0]["sms_consent"], true);
    assert!(shown.get("access_token").is_none());
    assert_eq!(world.ask("GET", "/v1/accounts/clinic_1").await.json(), shown);

    world.advance(std::time::Duration::from_secs(5));
    let mut other = account();
    other["org_id"] = "another".into();
    other["contacts"] = json!([]);
    let replaced = world.put("clinic_1", &other).await;
    assert_eq!(replaced.status, 200);
    let shown = replaced.json();
    assert_eq!((&shown["org_id"], &shown["contacts"]), (&json!("another"), &json!([])));
    assert_eq!(shown["created_at"], "2026-01-01T00:00:00Z");
    assert_eq!(shown["updated_at"], "2026-01-01T00:00:05Z");

    let gone = world.ask("DELETE", "/v1/accounts/clinic_1").await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    for method in ["GET", "DELETE"] {
        let missing = world.ask(method, "/v1/accounts/clinic_1").await;
        assert_eq!((missing.status, missing.problem().0.as_str()), (404, "not_found"));
    }
    let reference = AccountRef::parse("clinic_1").unwrap();
    assert_eq!(world.store.access_token(&reference).await, Ok(None));
}

#[tokio::test]
async fn a_relinked_account_closes_its_case_and_says_which() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    let closed = world.ask_as(Some(APP_KEY), "POST", "/v1/accounts/clinic_1/relinked").await;
    assert_eq!((closed.status, closed.json()), (200, json!({"closed_case": case.to_string()})));
    let detail = world.ask("GET", &format!("/v1/cases/{case}")).await.json();
    assert_eq!(detail["case"]["close_reason"], "repaired");
    // Nothing is open any more, or never was.
    for account_ref in ["clinic_1", "never-seen"] {
        let reply = world.ask("POST", &format!("/v1/accounts/{account_ref}/relinked")).await;
        assert_eq!((reply.status, reply.json()), (200, json!({"closed_case": null})));
    }
    assert!(world.metrics().contains("relink_time_to_relink_seconds_count 1"));
}

#[tokio::test]
async fn deleting_an_account_closes_its_case() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    assert_eq!(world.ask("DELETE", "/v1/accounts/clinic_1").await.status, 204);
    let detail = world.ask("GET", &format!("/v1/cases/{case}")).await.json();
    assert_eq!(detail["case"]["close_reason"], "account_deleted");
}

#[tokio::test]
async fn any_name_that_can_be_one_travels_through_the_path() {
    let world = World::new().await;
    for (path, name) in [
        ("a%2Fb", "a/b"),
        ("%E6%97%A5%E6%9C%AC", "日本"),
        ("a%20b", "a b"),
        ("100%25", "100%"),
        ("..%2f..%2fetc", "../../etc"),
        ("%3Cscript%3E", "<script>"),
    ] {
        let made = world.put(path, &account()).await;
        assert_eq!((made.status, &made.json()["account_ref"]), (201, &json!(name)), "{path}");
        let shown = world.ask("GET", &format!("/v1/accounts/{path}")).await;
        assert_eq!(shown.json()["account_ref"], name);
        let case = world.ask("POST", &format!("/v1/accounts/{path}/relinked")).await;
        assert_eq!(case.json()["closed_case"], Value::Null);
        assert_eq!(world.ask("DELETE", &format!("/v1/accounts/{path}")).await.status, 204);
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_one_is_refused_on_every_route() {
    let world = World::new().await;
    let long = "x".repeat(201);
    for (path, why) in
        [(long.as_str(), "longer than 200 bytes"), ("a%00b", "control character"), ("%FF", "UTF-8")]
    {
        let mut replies = vec![world.put(path, &account()).await];
        for (method, end) in [("GET", ""), ("DELETE", ""), ("POST", "/relinked")] {
            replies.push(world.ask(method, &format!("/v1/accounts/{path}{end}")).await);
        }
        for reply in replies {
            assert_eq!(reply.status, 400);
            let (code, detail) = reply.problem();
            assert!(code == "bad_request" && detail.contains(why), "{path}: {detail}");
        }
    }
    assert_eq!(world.ask("GET", &format!("/v1/accounts/{}", "x".repeat(200))).await.status, 404);
}
