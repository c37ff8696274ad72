//! The whole role on a socket of its own.

use crate::support::*;
use relink_http::client::{HttpClient, Limits};
use relink_http::server::bind;
use relink_http::{HeaderMap, Method};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_role_serves_until_it_is_stopped() {
    let world = World::new().await;
    let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(world.web.clone().run(listener, stop.clone()));
    let client = HttpClient::new(Limits::default()).unwrap();
    let call = async |method: Method, path: &str, body: String| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {OPS_KEY}").parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        client.call(method, &format!("http://{address}{path}"), headers, body.into()).await
    };
    let made = call(Method::PUT, "/v1/accounts/a%2Fb", account().to_string()).await.unwrap();
    assert_eq!(made.status, 201);
    let shown = call(Method::GET, "/v1/accounts/a%2Fb", String::new()).await.unwrap();
    assert_eq!(shown.body, made.body);
    let head = call(Method::HEAD, "/r/unknown", String::new()).await.unwrap();
    assert_eq!((head.status.as_u16(), head.body.len()), (404, 0));
    let large = call(Method::PUT, "/v1/accounts/x", "x".repeat(300_000)).await.unwrap();
    assert_eq!(large.status, 413);
    assert_eq!(large.headers["connection"], "close");

    stop.cancel();
    tokio::time::timeout(Duration::from_secs(30), running).await.unwrap().unwrap();
    assert!(call(Method::GET, "/v1/cases", String::new()).await.is_err());
}
