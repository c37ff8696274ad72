//! Bodies that cannot be an account: what is wrong is named, what stood there is not repeated.

use crate::support::*;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use std::io;

#[tokio::test]
async fn every_fault_of_the_fields_is_named_at_once_and_no_value_is_repeated() {
    let world = World::new().await;
    let reply = world
        .put(
            "clinic_1",
            &json!({
                "user_id": " ", "org_id": "canary\nline", "access_token": "", "contacts": [
                    {"id": "a", "role": "user", "email": "canary@", "time_zone": "Mars/Canary"},
                    {"id": "b", "role": "user", "phone": "555-canary"},
                    {"id": "c", "role": "user"},
                    {"id": "c", "role": "admin", "name": "x".repeat(301)},
                ],
            }),
        )
        .await;
    assert_eq!((reply.status, reply.problem().0.as_str()), (422, "invalid"));
    let errors = reply.json()["errors"].as_array().unwrap().clone();
    let fields: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "user_id",
            "org_id",
            "access_token",
            "contacts[0].email",
            "contacts[0].time_zone",
            "contacts[1].phone",
            "contacts[3].name",
        ]
    );
    assert!(errors.iter().all(|error| !error["fault"].as_str().unwrap().is_empty()));
    assert!(!reply.text.to_lowercase().contains("canary"), "{}", reply.text);
    assert_eq!(world.ask("GET", "/v1/accounts/clinic_1").await.status, 404);
}

#[tokio::test]
async fn too_many_contacts_and_one_id_twice_are_faults() {
    let world = World::new().await;
    let mut many = account();
    let contact = |n| json!({"id": format!("c{n}"), "role": "user"});
    many["contacts"] = (0..21).map(contact).collect();
    let reply = world.put("clinic_1", &many).await;
    assert_eq!(reply.json()["errors"][0]["field"], "contacts");
    many["contacts"] = json!([contact(1), contact(1)]);
    let reply = world.put("clinic_1", &many).await;
    assert_eq!(reply.json()["errors"][0]["field"], "contacts[1].id");
}

#[tokio::test]
async fn json_that_is_no_account_is_told_by_the_names_of_its_fields() {
    let world = World::new().await;
    for (body, named) in [
        (r#"{"org_id":"o","access_token":"canary"}"#, "missing field `user_id`"),
        (r#"{"userId":"canary"}"#, "unknown field `userId`"),
        (r#"{"user_id":"canary","user_id":"canary"}"#, "duplicate field `user_id`"),
        (r#"{"user_id":"u","org_id":"o","access_token":"t","contacts":[{"role":"user"}]}"#, "`id`"),
        (r#"{"user_id":"u","org_id":"o","access_token":"t","contacts":[{"id":"a"}]}"#, "`role`"),
        (r#"{"user_id":{"canary":"canary"}}"#, "kind that does not belong there at line 1"),
        ("{\n\"user_id\": \"u\",\n\"contacts\": \"canary\"}", "at line 3 column"),
        (r#"{"contacts":[{"id":"a","role":"canary"}]}"#, "kind that does not belong there"),
        (r#"{"contacts":[{"id":"a","role":"user","sms_consent":"canary"}]}"#, "kind that does"),
        ("[]", "column"),
        ("", "ends too soon"),
        (r#"{"user_id":"canary"#, "ends too soon"),
        ("canary", "it is not JSON"),
        ("{\"user_id\":\"\u{1}\"}", "it is not JSON"),
    ] {
        let reply = world.put_text("clinic_1", "application/json", body).await;
        let (code, detail) = reply.problem();
        assert_eq!((reply.status, code.as_str()), (400, "bad_request"), "{body}");
        assert!(detail.contains(named), "{body}: {detail}");
        assert!(!detail.contains("canary"), "{body}: {detail}");
    }
    let broken =
        world.put_text("clinic_1", "application/json", &b"{\"user_id\":\"\xff\"}"[..]).await;
    assert_eq!(broken.status, 400);
    let deep = "[".repeat(10_000);
    let body = format!(r#"{{"contacts":{deep}"#);
    assert_eq!(world.put_text("clinic_1", "application/json", body).await.status, 400);
    let long = format!(r#"{{"{}":1}}"#, "k".repeat(50_000));
    let reply = world.put_text("clinic_1", "application/json", long).await;
    assert!(reply.status == 400 && reply.text.len() < 1_000, "a key as long as a body is repeated");
}

#[tokio::test]
async fn only_json_is_taken_for_json() {
    let world = World::new().await;
    let body = account().to_string();
    for kind in ["application/json", "APPLICATION/JSON", "application/json; charset=utf-8"] {
        assert!(world.put_text("clinic_1", kind, body.clone()).await.status < 300, "{kind}");
    }
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/json-patch+json", ""]
    {
        let reply = world.put_text("clinic_1", kind, body.clone()).await;
        assert_eq!((reply.status, reply.problem().0.as_str()), (415, "not_json"), "{kind}");
    }
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_by_its_bytes() {
    let world = World::new().await;
    let padded = |size: usize| {
        let body = account().to_string();
        format!("{body}{}", " ".repeat(size - body.len()))
    };
    assert_eq!(world.put_text("clinic_1", "application/json", padded(65_536)).await.status, 201);
    let reply = world.put_text("clinic_1", "application/json", padded(65_537)).await;
    assert_eq!((reply.status, reply.problem().0.as_str()), (413, "too_large"));
    // The same without a length, piece by piece and without an end.
    let endless = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from(vec![b' '; 4096])));
    let reply = world.put_text("clinic_1", "application/json", Body::from_stream(endless)).await;
    assert_eq!(reply.status, 413);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up_and_one_that_breaks_off_is_refused() {
    let world = World::new().await;
    let silent = Body::from_stream(stream::pending::<Result<Bytes, io::Error>>());
    let begun = tokio::time::Instant::now();
    let reply = world.put_text("clinic_1", "application/json", silent).await;
    assert_eq!((reply.status, reply.problem().0.as_str()), (408, "too_slow"));
    assert_eq!(begun.elapsed().as_secs(), 5);

    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(io::Error::other("canary"))]);
    let reply = world.put_text("clinic_1", "application/json", Body::from_stream(broken)).await;
    assert_eq!((reply.status, reply.problem().0.as_str()), (400, "broken_body"));
    assert!(!reply.text.contains("canary"));
}
