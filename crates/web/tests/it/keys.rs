//! Who may do what: every described operation against every kind of key.

use crate::support::*;
use axum::body::Body;
use axum::http::Request;

/// Every described operation, with an instance of its path.
fn operations() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = documented()
        .into_iter()
        .map(|(method, path, _)| {
            let case = "2639c97f-0d8e-56e7-a3f0-48f01b3f9f71";
            let path = path.replace("{account_ref}", "clinic_1").replace("{user_id}", "user-1");
            (method, path.replace("{case_id}", case))
        })
        .collect();
    all.dedup();
    assert_eq!(all.len(), 16, "an operation has come or gone: what may its keys do?");
    all
}

#[tokio::test]
async fn without_a_key_that_fits_nothing_is_done() {
    let world = World::new().await;
    for (method, path) in operations() {
        for key in [None, Some("wrong"), Some(""), Some("app-key-0123456789abcde")] {
            let reply = world.ask_as(key, &method, &path).await;
            assert_eq!(reply.status, 401, "{method} {path} with {key:?}");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
            assert_eq!(reply.problem().0, "not_authenticated");
        }
        for header in [format!("Basic {OPS_KEY}"), OPS_KEY.to_owned(), format!("Bearer{OPS_KEY}")] {
            let request = Request::builder().method(method.as_str()).uri(&path);
            let request = request.header("authorization", header).body(Body::empty()).unwrap();
            assert_eq!(world.send(request).await.status, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_apps_key_opens_accounts_and_the_operators_key_everything() {
    let world = World::new().await;
    for (method, path) in operations() {
        let app = world.ask_as(Some(APP_KEY), &method, &path).await;
        if path.starts_with("/v1/accounts/") || path.starts_with("/v1/users/") {
            assert!(![401, 403].contains(&app.status), "{method} {path}: {}", app.status);
        } else {
            assert_eq!((app.status, app.problem().0.as_str()), (403, "forbidden"));
        }
        let ops = world.ask_as(Some(OPS_KEY), &method, &path).await;
        assert!(![401, 403].contains(&ops.status), "{method} {path}: {}", ops.status);
    }
}

#[tokio::test]
async fn a_key_is_looked_at_before_anything_is_read() {
    let world = World::new().await;
    let endless = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let request = Request::put("/v1/accounts/clinic_1").header("authorization", "Bearer wrong");
    let request = request.body(Body::from_stream(endless)).unwrap();
    assert_eq!(world.send(request).await.status, 401);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_what_is_in_the_path() {
    let world = World::new().await;
    world.ask_as(None, "GET", "/v1/accounts/canary").await;
    world.ask("GET", "/v1/accounts/canary").await;
    world.ask("PATCH", "/v1/accounts/canary").await;
    world.ask("GET", "/canary").await;
    world.ask("GET", "/r/canary").await;
    let shown = world.metrics();
    for line in [
        r#"relink_web_requests_total{route="/v1/accounts/{account_ref}",status="401"} 1"#,
        r#"relink_web_requests_total{route="/v1/accounts/{account_ref}",status="404"} 1"#,
        r#"relink_web_requests_total{route="/v1/accounts/{account_ref}",status="405"} 1"#,
        r#"relink_web_requests_total{route="none",status="404"} 1"#,
        r#"relink_web_requests_total{route="/r/{token}",status="404"} 1"#,
    ] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
    assert!(!shown.contains("canary"));
}
