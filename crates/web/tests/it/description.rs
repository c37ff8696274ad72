//! The description is what is done, and what is done is described.

use crate::support::*;
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use futures_util::stream;
use relink_store::StoreError;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test]
async fn the_description_is_served_and_whole() {
    let world = World::new().await;
    let reply = world.ask_as(None, "GET", "/v1/openapi.json").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    let document = reply.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut named = BTreeSet::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            let (key, token) = (json!({"key": []}), json!({"user_token": []}));
            let security = operation["security"].as_array().unwrap();
            assert!(*security == [key.clone()] || *security == [key, token], "{security:?}");
            assert!(operation["summary"].is_string());
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(named.insert(id.clone()), "{id} names two operations");
        }
    }
}

/// Every `$ref` under `value`.
fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn what_is_described_exists_and_what_is_not_described_does_not() {
    let world = World::new().await;
    let described: BTreeSet<(String, String)> =
        documented().into_iter().map(|(method, path, _)| (method, path)).collect();
    let paths: BTreeSet<&String> = described.iter().map(|(_, path)| path).collect();
    for path in paths {
        let given = path.replace("{account_ref}", "x").replace("{case_id}", "x");
        let given = given.replace("{user_id}", "x");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"] {
            let reply = world.ask_as(None, method, &given).await;
            if described.contains(&(method.to_owned(), path.clone())) {
                assert_eq!(reply.status, 401, "{method} {path}");
            } else {
                assert_eq!(reply.status, 405, "{method} {path}");
                assert_eq!(reply.problem().0, "method_not_allowed");
                let allowed = reply.header("allow").to_owned();
                for (method, _) in described.iter().filter(|(_, described)| described == path) {
                    assert!(allowed.contains(method.as_str()), "{path}: {allowed}");
                }
            }
        }
    }
    for path in ["/", "/v1", "/v1/", "/v1/accounts", "/v1/accounts/", "/v1/cases/", "/v2/cases"] {
        let reply = world.ask("GET", path).await;
        assert_eq!((reply.status, reply.problem().0.as_str()), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn an_accounts_schema_is_the_account_that_is_taken() {
    let document = serde_json::to_value(relink_web::openapi()).unwrap();
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    let names = |schema: &Value, list: &str| -> BTreeSet<String> {
        match schema[list].as_object() {
            Some(fields) => fields.keys().cloned().collect(),
            None => serde_json::from_value(schema[list].clone()).unwrap(),
        }
    };
    let given = |value: &Value| value.as_object().unwrap().keys().cloned().collect();
    let full: BTreeSet<String> = given(&account());
    assert_eq!(names(&schema("AccountBody"), "properties"), full);
    let contact: BTreeSet<String> = given(&account()["contacts"][0]);
    assert_eq!(names(&schema("ContactBody"), "properties"), contact);
    for name in ["AccountBody", "ContactBody"] {
        assert_eq!(schema(name)["additionalProperties"], false);
    }
    // What is required is needed, and what is not is not.
    let world = World::new().await;
    let required = names(&schema("AccountBody"), "required");
    for field in full {
        let mut body = account();
        body.as_object_mut().unwrap().remove(&field);
        let taken = world.put("clinic_1", &body).await.status < 300;
        assert_eq!(taken, !required.contains(&field), "{field}");
    }
    let required = names(&schema("ContactBody"), "required");
    for field in contact {
        let mut body = account();
        body["contacts"][0].as_object_mut().unwrap().remove(&field);
        let taken = world.put("clinic_1", &body).await.status < 300;
        assert_eq!(taken, !required.contains(&field), "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_described_status_is_answered_and_no_other() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    let down = World::with(Arc::new(Down::saying(StoreError::Unavailable("on purpose".into()))));
    let described = documented();
    for (method, path, _) in &described {
        let real = |account: &str, case: &str| {
            let path = path.replace("{account_ref}", account).replace("{case_id}", case);
            path.replace("{user_id}", if account == "%00" { "%00" } else { "user-1" })
        };
        let (known, unknown) = (real("clinic_1", &case.to_string()), real("nobody", "nothing"));
        if method == "PUT" {
            world.put("clinic_1", &account()).await;
            down.put("clinic_1", &account()).await;
        } else if method != "DELETE" {
            // Twice: the second time there is nothing left to change.
            world.ask(method, &known).await;
            world.ask(method, &known).await;
        }
        for key in [None, Some(APP_KEY), Some(OPS_KEY)] {
            world.ask_as(key, method, &unknown).await;
        }
        world.ask(method, &format!("{}?limit=0", real("%00", "nothing"))).await;
        down.ask(method, &known).await;
    }
    ask_for_the_app(&world).await;
    for action in ["hold", "release", "close"] {
        let case = world.open_case(&format!("for {action}").replace(' ', "_")).await;
        if action == "release" {
            world.store.hold_case(case, true).await.unwrap();
        }
        world.ask("POST", &format!("/v1/cases/{case}/{action}")).await;
    }
    world.ask("DELETE", "/v1/accounts/clinic_1").await;
    world.put_text("clinic_1", "text/plain", "{}").await;
    world.put_text("clinic_1", "application/json", "x").await;
    world.put_text("clinic_1", "application/json", "x".repeat(70_000)).await;
    world.put("clinic_1", &json!({"user_id": "", "org_id": "", "access_token": ""})).await;
    let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    world.put_text("clinic_1", "application/json", silent).await;

    let mut answered = world.asked();
    answered.extend(down.asked());
    // A race between two requests, which only chance could show here.
    answered.insert(("PUT".into(), "/v1/accounts/{account_ref}".into(), 409));
    // What needs a Cobalt that answers is in `feed_link`, and as many streams as may be open in
    // `feed_stream`.
    for status in [200, 429, 502] {
        answered.insert(("POST".into(), "/v1/users/{user_id}/cases/{case_id}/link".into(), status));
    }
    answered.insert(("GET".into(), "/v1/users/{user_id}/cases/stream".into(), 503));
    let only = |one: &BTreeSet<Asked>, other: &BTreeSet<Asked>| -> Vec<Asked> {
        one.difference(other).cloned().collect()
    };
    assert_eq!(only(&answered, &described), [], "answered but not described");
    assert_eq!(only(&described, &answered), [], "described but not answered");
}

/// What only a user's token, or a body of the app's, is answered.
async fn ask_for_the_app(world: &World) {
    let path = "/v1/users/user-1/token";
    let token = world.ask_as(Some(APP_KEY), "POST", path).await.json()["token"].clone();
    let nobodys = "/v1/users/other/cases/x";
    for (method, path) in [
        ("POST", path.to_owned()),
        ("GET", "/v1/users/other/cases".to_owned()),
        ("GET", "/v1/users/other/cases/stream".to_owned()),
        ("POST", format!("{nobodys}/link")),
        ("POST", format!("{nobodys}/done")),
        ("POST", format!("{nobodys}/seen")),
    ] {
        world.ask_as(token.as_str(), method, &path).await;
    }
    let open = world.open_case("for_the_app").await;
    let steps = |body: Body| {
        let request = Request::post(format!("/v1/users/user-1/cases/{open}/seen"));
        request.header("authorization", format!("Bearer {APP_KEY}")).body(body).unwrap()
    };
    world.send(steps("{\"steps\":[\"opened\"]}".into())).await;
    world.send(steps("x".repeat(5000).into())).await;
    let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    world.send(steps(silent)).await;
}

#[tokio::test]
async fn an_outage_asks_to_come_again_and_a_fault_of_ours_tells_nothing() {
    for (error, status, code) in [
        (StoreError::Unavailable("canary".into()), 503, "store_unavailable"),
        (StoreError::Disk("canary".into()), 503, "store_unavailable"),
        (StoreError::Refused("canary".into()), 500, "internal"),
        (StoreError::Schema("canary".into()), 500, "internal"),
    ] {
        let world = World::with(Arc::new(Down::saying(error)));
        let reply = world.ask("GET", "/v1/accounts/clinic_1").await;
        assert_eq!((reply.status, reply.problem().0.as_str()), (status, code));
        assert_eq!(reply.header("retry-after"), if status == 503 { "5" } else { "" });
        assert!(!reply.text.contains("canary"));
    }
}
