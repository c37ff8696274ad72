//! Attempts as operators see them.

use crate::support::*;
use relink_core::attempt::{Outcome, Reason};

#[tokio::test]
async fn attempts_are_listed_by_what_is_asked_for_masked_and_newest_first() {
    let world = World::new().await;
    let first = world.open_case("clinic_1").await;
    world.send_first(first, Outcome::Accepted).await;
    world.advance(std::time::Duration::from_secs(1));
    let second = world.open_case("clinic_2").await;
    world.send_first(second, Outcome::Unknown { reason: Reason::NoAnswer }).await;
    world.advance(std::time::Duration::from_secs(1));
    let third = world.open_case("clinic_3").await;
    world.begin(third).await;

    let cases = async |query: &str| {
        let reply = world.ask("GET", &format!("/v1/attempts{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text);
        let attempts = reply.json()["attempts"].as_array().unwrap().clone();
        for attempt in &attempts {
            assert_eq!(attempt["address"], "j***@example.org");
        }
        attempts
            .iter()
            .map(|row| row["account_ref"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(cases("").await, ["clinic_3", "clinic_2", "clinic_1"]);
    assert_eq!(cases("?outcome=accepted").await, ["clinic_1"]);
    assert_eq!(cases("?outcome=unknown").await, ["clinic_2"]);
    assert_eq!(cases("?outcome=rejected").await, Vec::<String>::new());
    assert_eq!(cases("?account_ref=clinic_3").await, ["clinic_3"]);
    assert_eq!(cases(&format!("?case_id={first}")).await, ["clinic_1"]);
    assert_eq!(cases(&format!("?case_id={first}&outcome=unknown")).await, Vec::<String>::new());
    let under_way = world.ask("GET", "/v1/attempts?account_ref=clinic_3").await.json();
    assert!(under_way["attempts"][0]["finished_at"].is_null());
}

#[tokio::test]
async fn a_parameter_that_cannot_be_is_named() {
    let world = World::new().await;
    for (query, named) in [
        ("/v1/attempts?outcome=maybe", "accepted, deferred, rejected, unknown"),
        ("/v1/attempts?case_id=x", "case id: is not a UUID"),
        ("/v1/attempts?account_ref=", "AccountRef: is empty"),
        ("/v1/attempts?limit=0", "limit: 1 to 200"),
        ("/v1/attempts?limit=201", "limit: 1 to 200"),
        ("/v1/attempts?limit=many", "limit"),
        ("/v1/attempts?outcom=accepted", "unknown field `outcom`"),
        ("/v1/cases?open=maybe", "open"),
        ("/v1/cases?limit=-1", "limit"),
        ("/v1/cases?limit=1&limit=2", "limit"),
        ("/v1/cases?account_ref=%00", "AccountRef: contains a control character"),
        ("/v1/cases?state=open", "unknown field `state`"),
    ] {
        let reply = world.ask("GET", query).await;
        let (code, detail) = reply.problem();
        assert_eq!((reply.status, code.as_str()), (400, "bad_request"), "{query}");
        assert!(detail.contains(named), "{query}: {detail}");
    }
}
