//! Cases as operators see them, and what they can do to one.

use crate::support::*;
use relink_core::attempt::{Outcome, Reason};
use serde_json::{Value, json};

#[tokio::test]
async fn a_case_shows_everything_that_happened_to_it_masked() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    world.send_first(case, Outcome::Accepted).await;
    let detail = world.ask("GET", &format!("/v1/cases/{case}")).await;
    assert_eq!(detail.status, 200);
    let detail = detail.json();
    assert_eq!(
        detail["case"],
        json!({
            "id": case.to_string(), "account_ref": "clinic_1", "kind": "login_required",
            "open": true, "opened_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-31T00:00:00Z", "hold": null, "closed_at": null,
            "close_reason": null, "signals": 1, "emr_instance_domain": null,
            "error_type": "password_expired",
        })
    );
    assert_eq!(detail["signals"][0]["result"], "opened");
    let states: Vec<&Value> =
        detail["notifications"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert_eq!(states, ["sent", "planned"]);
    let attempt = &detail["attempts"][0];
    assert_eq!(
        (&attempt["outcome"], &attempt["address"]),
        (&json!("accepted"), &json!("j***@example.org"))
    );
    assert_eq!(attempt["took_ms"], 250);
    assert!(attempt.get("worker").is_none(), "hosts and process ids are nobody's business");
}

#[tokio::test]
async fn a_case_is_held_released_and_closed_and_says_when_there_is_nothing_to_change() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    let act = async |what: &str| world.ask("POST", &format!("/v1/cases/{case}/{what}")).await;

    assert_eq!(act("release").await.problem().0, "conflict");
    let held = act("hold").await;
    assert_eq!((held.status, &held.json()["case"]["hold"]), (200, &json!("operator")));
    assert_eq!(
        (act("hold").await.status, act("hold").await.problem().0.as_str()),
        (409, "conflict")
    );
    let released = act("release").await;
    assert_eq!((released.status, &released.json()["case"]["hold"]), (200, &Value::Null));

    let closed = act("close").await;
    assert_eq!(closed.status, 200);
    assert_eq!(closed.json()["case"]["close_reason"], "operator");
    assert_eq!(closed.json()["case"]["open"], false);
    let states: Vec<Value> = closed.json()["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["state"].clone())
        .collect();
    assert_eq!(states, ["cancelled", "cancelled"]);
    for what in ["close", "hold", "release"] {
        assert_eq!(act(what).await.status, 409, "{what}");
    }
}

#[tokio::test]
async fn an_id_of_no_case_is_not_found_whatever_it_looks_like() {
    let world = World::new().await;
    for id in ["2639c97f-0d8e-56e7-a3f0-48f01b3f9f71", "not-a-uuid", "%FF", "a%2Fb", "0"] {
        for (method, end) in
            [("GET", ""), ("POST", "/close"), ("POST", "/hold"), ("POST", "/release")]
        {
            let reply = world.ask(method, &format!("/v1/cases/{id}{end}")).await;
            assert_eq!((reply.status, reply.problem().0.as_str()), (404, "not_found"), "{id}{end}");
        }
    }
}

#[tokio::test]
async fn cases_are_listed_by_what_is_asked_for() {
    let world = World::new().await;
    let open = world.open_case("clinic_1").await.to_string();
    let closed = world.open_case("clinic_2").await.to_string();
    world.ask("POST", "/v1/accounts/clinic_2/relinked").await;
    let ids = async |query: &str| {
        let reply = world.ask("GET", &format!("/v1/cases{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text);
        let cases = reply.json()["cases"].as_array().unwrap().clone();
        cases.iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("").await.len(), 2);
    assert_eq!(ids("?open=true").await, [open.as_str()]);
    assert_eq!(ids("?open=false").await, [closed.as_str()]);
    assert_eq!(ids("?account_ref=clinic_2").await, [closed]);
    assert_eq!(ids("?account_ref=clinic_2&open=true").await, Vec::<String>::new());
    assert_eq!(ids("?user_id=user-1").await.len(), 2);
    assert_eq!(ids("?user_id=nobody").await, Vec::<String>::new());
    assert_eq!(ids("?open=true&user_id=user-1&limit=1").await, [open]);
}

#[tokio::test]
async fn what_was_decided_instead_of_a_send_is_on_the_timeline() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    world.send_first(case, Outcome::Rejected { reason: Reason::NoSuchRecipient }).await;
    world.ask("POST", &format!("/v1/cases/{case}/close")).await;
    let detail = world.ask("GET", &format!("/v1/cases/{case}")).await.json();
    let non_sends = detail["non_sends"].as_array().unwrap();
    assert!(!non_sends.is_empty());
    assert!(
        non_sends
            .iter()
            .any(|row| row["decision"] == "cancelled" && row["reason"] == "case_closed")
    );
}
