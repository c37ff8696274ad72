//! The in-app feed over a real store: who may ask, what is told, and what never is.

use crate::support::*;
use axum::body::Body;
use axum::http::Request;
use relink_core::visit::{VisitStep, Visitor, Way};
use serde_json::{Value, json};
use std::time::Duration;

const CASES: &str = "/v1/users/user-1/cases";

async fn cases(world: &World) -> Vec<Value> {
    let reply = world.ask_as(Some(APP_KEY), "GET", CASES).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["cases"].as_array().unwrap().clone()
}

async fn token_of(world: &World, user: &str) -> String {
    let path = format!("/v1/users/{user}/token");
    let reply = world.ask_as(Some(APP_KEY), "POST", &path).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"));
    reply.json()["token"].as_str().unwrap().to_owned()
}

async fn post(world: &World, token: &str, path: &str, body: &str) -> Reply {
    let request = Request::post(path).header("authorization", format!("Bearer {token}"));
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_users_open_cases_are_shown_once_settled_and_gone_when_closed() {
    let world = World::new().await;
    assert_eq!(cases(&world).await, Vec::<Value>::new());
    let id = world.open_case("clinic_1").await.to_string();
    let shown = cases(&world).await;
    let case = shown[0].as_object().unwrap();
    let keys: Vec<&str> = case.keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "account_ref", "kind", "opened_at", "announce", "text_key", "text"]);
    assert_eq!((&shown[0]["id"], &shown[0]["announce"]), (&json!(id), &json!(false)));
    world.advance(Duration::from_secs(10 * 60));
    let shown = cases(&world).await;
    assert_eq!(shown[0]["announce"], true);
    assert_eq!(shown[0]["text_key"], "sign_in_again");
    assert_eq!(shown[0]["text"], "One of your connected accounts needs you to sign in again.");
    let spanish = world.ask_as(Some(APP_KEY), "GET", &format!("{CASES}?lang=es-MX")).await.json();
    assert_eq!(spanish["lang"], "es");
    assert!(spanish["cases"][0]["text"].as_str().unwrap().contains("sesión"));
    world.ask("POST", &format!("/v1/cases/{id}/hold")).await;
    assert_eq!(cases(&world).await[0]["announce"], false, "on hold");
    world.ask("POST", "/v1/accounts/clinic_1/relinked").await;
    assert_eq!(cases(&world).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_token_opens_its_own_user_and_nothing_else() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    let token = token_of(&world, "user-1").await;
    let bearer = Some(token.as_str());
    assert_eq!(world.ask_as(bearer, "GET", CASES).await.status, 200);
    assert_eq!(world.ask_as(bearer, "GET", "/v1/users/%75ser-1/cases").await.status, 200);
    for (method, path) in [
        ("GET", "/v1/users/user-2/cases".to_owned()),
        ("GET", "/v1/users/user-2/cases/stream".to_owned()),
        ("GET", "/v1/users/user-1%00/cases".to_owned()),
        ("POST", format!("/v1/users/user-2/cases/{case}/link")),
        ("POST", "/v1/users/user-1/token".to_owned()),
        ("POST", "/v1/users/user-2/token".to_owned()),
    ] {
        let reply = world.ask_as(bearer, method, &path).await;
        assert!([400, 403].contains(&reply.status), "{method} {path}: {}", reply.status);
    }
    for (method, path) in [
        ("GET", "/v1/cases"),
        ("GET", "/v1/accounts/clinic_1"),
        ("POST", "/v1/accounts/clinic_1/relinked"),
        ("GET", "/v1/attempts"),
    ] {
        assert_eq!(world.ask_as(bearer, method, path).await.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn a_user_id_is_percent_encoded_and_bounded() {
    let world = World::new().await;
    let mut strange = account();
    strange["user_id"] = json!("Zoë / %2F?#");
    assert_eq!(world.put("clinic_1", &strange).await.status, 201);
    world.open_case_with("clinic_1", None, "x").await;
    let path = "/v1/users/Zo%C3%AB%20%2F%20%252F%3F%23/cases";
    let reply = world.ask_as(Some(APP_KEY), "GET", path).await;
    assert_eq!(reply.json()["cases"].as_array().unwrap().len(), 1, "{reply:?}");
    for bad in ["%20", "%00", "a%0Ab", "%FF", &"x".repeat(301)] {
        let reply = world.ask_as(Some(APP_KEY), "GET", &format!("/v1/users/{bad}/cases")).await;
        assert_eq!(reply.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_case_of_somebody_else_is_one_that_does_not_exist() {
    let world = World::new().await;
    let own = world.open_case("clinic_1").await.to_string();
    let mut foreign = account();
    foreign["user_id"] = json!("user-2");
    world.put("clinic_2", &foreign).await;
    let other = world.open_case_with("clinic_2", None, "x").await.to_string();
    let token = token_of(&world, "user-1").await;
    let nobodys = "2639c97f-0d8e-56e7-a3f0-48f01b3f9f71";
    for act in ["link", "done", "seen"] {
        let body = r#"{"steps":["opened"]}"#;
        let mut answers = Vec::new();
        for case in [other.as_str(), nobodys, "x", "%00"] {
            let reply = post(&world, &token, &format!("{CASES}/{case}/{act}"), body).await;
            answers.push((reply.status, reply.text));
        }
        answers.dedup();
        assert_eq!((answers.len(), answers[0].0), (1, 404), "{act}: {answers:?}");
        let mine = post(&world, &token, &format!("{CASES}/{own}/{act}"), body).await;
        assert_ne!(mine.status, 404, "{act}");
    }
    assert!(world.came(&other).await.is_empty());
}

#[tokio::test]
async fn what_somebody_does_with_the_banner_is_on_the_timeline() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await.to_string();
    let token = token_of(&world, "user-1").await;
    let seen = format!("{CASES}/{case}/seen");
    let body = r#"{"steps":["opened","launched","left","came_back"]}"#;
    assert_eq!(post(&world, &token, &seen, body).await.status, 204);
    assert_eq!(post(&world, APP_KEY, &seen, r#"{"steps":["opened"]}"#).await.status, 204);
    use VisitStep::{CameBack, Launched, Left, Opened};
    let expected: Vec<_> = [Opened, Launched, Left, CameBack]
        .map(|step| (step, Way::InApp, Visitor::Person))
        .into_iter()
        .chain([(Opened, Way::InApp, Visitor::Unproven)])
        .collect();
    assert_eq!(world.came(&case).await, expected);
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"steps":[]}"#,
        r#"{"steps":["minted"]}"#,
        r#"{"steps":["done"]}"#,
        r#"{"steps":["proven"]}"#,
        r#"{"steps":["opened","x"]}"#,
        r#"{"steps":"opened"}"#,
        r#"{"steps":["opened"],"at":1}"#,
    ] {
        assert_eq!(post(&world, &token, &seen, bad).await.status, 400, "{bad}");
    }
    let many = json!({ "steps": vec!["opened"; 21] }).to_string();
    assert_eq!(post(&world, &token, &seen, &many).await.status, 400);
    assert_eq!(post(&world, &token, &seen, &"x".repeat(5000)).await.status, 413);
    assert_eq!(world.came(&case).await, expected, "nothing of that was noted");
}

#[tokio::test]
async fn without_credentials_nobody_is_handed_to_link_and_a_claim_closes_nothing() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await.to_string();
    let token = token_of(&world, "user-1").await;
    let reply = post(&world, &token, &format!("{CASES}/{case}/link"), "").await;
    assert_eq!((reply.status, reply.problem().0.as_str()), (503, "no_credentials"));
    let reply = post(&world, &token, &format!("{CASES}/{case}/done"), "").await;
    assert_eq!((reply.status, reply.json()), (200, json!({ "standing": "not_known" })));
    assert_eq!(cases(&world).await.len(), 1);
    world.ask("POST", &format!("/v1/cases/{case}/close")).await;
    let reply = post(&world, &token, &format!("{CASES}/{case}/link"), "").await;
    assert_eq!((reply.status, reply.problem().0.as_str()), (409, "ended"));
    let reply = post(&world, &token, &format!("{CASES}/{case}/done"), "").await;
    assert_eq!(reply.json(), json!({ "standing": "ended" }));
}

#[tokio::test]
async fn no_stored_field_gets_into_the_feed_but_its_ids() {
    let world = World::new().await;
    for (number, attack) in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</script><!--",
        "javascript:alert(1)",
        "'};alert(1);//",
        "data: x\r\nevent: cases\r\ndata: {}",
        "a\u{2028}b\u{2029}c",
    ]
    .into_iter()
    .enumerate()
    {
        let attack: String = attack.chars().filter(|c| !c.is_control()).collect();
        let mut hostile = account();
        hostile["org_id"] = json!(attack);
        hostile["emr_instance_domain"] = json!(attack);
        hostile["contacts"][0]["name"] = json!(attack);
        hostile["contacts"][0]["locale"] = json!(attack);
        let account = format!("hostile_{number}");
        assert!(world.put(&account, &hostile).await.status < 300);
        world.open_case_with(&account, Some(&attack), &attack).await;
        let reply = world.ask_as(Some(APP_KEY), "GET", CASES).await;
        assert_eq!(reply.header("content-type"), "application/json");
        assert!(!reply.text.contains(&attack), "{attack}: {}", reply.text);
        assert_eq!(cases(&world).await.len(), number + 1);
    }
    for canary in ["ehr.example.org", "clinic\"", "Jane", "password_expired"] {
        let reply = world.ask_as(Some(APP_KEY), "GET", CASES).await;
        assert!(!reply.text.contains(canary), "{canary}");
    }
}
