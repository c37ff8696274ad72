//! Which pages may ask from elsewhere, and the file they embed.

use crate::support::*;
use axum::body::Body;
use axum::http::Request;

const APP: &str = "https://app.acme.example";

fn asking(method: &str, path: &str, origin: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("origin", origin);
    let request = match method {
        "OPTIONS" => request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization"),
        _ => request.header("authorization", format!("Bearer {APP_KEY}")),
    };
    request.body(Body::empty()).unwrap()
}

async fn allowed(world: &World, method: &str, path: &str, origin: &str) -> String {
    let reply = world.send(asking(method, path, origin)).await;
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    assert_ne!(reply.header("access-control-allow-origin"), "*");
    reply.header("access-control-allow-origin").to_owned()
}

#[tokio::test]
async fn an_allowed_origin_may_ask_the_feed_and_for_the_banner_and_nothing_else() {
    let world = World::allowing(&[APP, "http://localhost:3000"]).await;
    let case = "2639c97f-0d8e-56e7-a3f0-48f01b3f9f71";
    for (method, path) in [
        ("GET", "/v1/users/u/cases".to_owned()),
        ("GET", "/v1/users/u/cases/stream".to_owned()),
        ("POST", format!("/v1/users/u/cases/{case}/link")),
        ("POST", format!("/v1/users/u/cases/{case}/done")),
        ("POST", format!("/v1/users/u/cases/{case}/seen")),
        ("GET", "/relink-banner.js".to_owned()),
    ] {
        for origin in [APP, "http://localhost:3000"] {
            assert_eq!(allowed(&world, method, &path, origin).await, origin, "{method} {path}");
            assert_eq!(allowed(&world, "OPTIONS", &path, origin).await, origin, "{path}");
        }
        for origin in [
            "null",
            "https://APP.acme.example",
            "http://app.acme.example",
            "https://app.acme.example.evil.example",
            "https://app.acme.example:443",
            "https://app.acme.example/",
            "https://evil.example",
            "",
            "*",
        ] {
            assert_eq!(allowed(&world, method, &path, origin).await, "", "{origin}");
            assert_eq!(allowed(&world, "OPTIONS", &path, origin).await, "", "{origin}");
        }
        let reply = world.send(asking(method, &path, "https://evil.example")).await;
        assert_eq!(reply.header("vary"), "origin", "{path}");
    }
    for (method, path) in [
        ("GET", "/v1/cases"),
        ("GET", "/v1/accounts/a"),
        ("GET", "/r/x"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/nothing"),
    ] {
        assert_eq!(allowed(&world, method, path, APP).await, "", "{path}");
        assert_eq!(allowed(&world, "OPTIONS", path, APP).await, "", "{path}");
    }
}

#[tokio::test]
async fn a_preflight_says_what_may_be_asked_and_needs_no_key() {
    let world = World::allowing(&[APP]).await;
    let reply = world.send(asking("OPTIONS", "/v1/users/u/cases", APP)).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(reply.header("access-control-allow-methods"), "GET, POST");
    let headers = "authorization, content-type, last-event-id";
    assert_eq!(reply.header("access-control-allow-headers"), headers);
    assert_eq!(reply.header("access-control-max-age"), "600");
    assert!(reply.header("vary").starts_with("origin, "));
    // An error can be read too: the page must learn that its token has ended.
    let request = Request::get("/v1/users/u/cases").header("origin", APP);
    let reply = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (401, APP));
    // By default nobody else's page may ask.
    let closed = World::new().await;
    assert_eq!(allowed(&closed, "OPTIONS", "/v1/users/u/cases", APP).await, "");
}

#[tokio::test]
async fn the_banners_file_is_kept_for_minutes_and_known_by_its_content() {
    let world = World::new().await;
    let reply = world.ask_as(None, "GET", "/relink-banner.js").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "public, max-age=300");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin");
    assert!(reply.text.contains("https://link.usecobalt.com/init.js"));
    let known = |tag: &str| {
        let request = Request::get("/relink-banner.js").header("if-none-match", tag);
        request.body(Body::empty()).unwrap()
    };
    let again = world.send(known(reply.header("etag"))).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), reply.header("etag"));
    assert_eq!(world.send(known("\"other\"")).await.status, 200);
    let open = World::allowing(&[APP]).await.ask_as(None, "GET", "/relink-banner.js").await;
    assert_eq!(open.header("cross-origin-resource-policy"), "cross-origin");
}
