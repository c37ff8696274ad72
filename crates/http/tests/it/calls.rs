//! What is known about a request that got no answer: whether it can have arrived.

use crate::support::*;
use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use relink_http::client::{Answer, CallError};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

async fn call(url: &str) -> Result<Answer, CallError> {
    let client = client(Duration::from_millis(500), Duration::from_secs(3));
    client.call(Method::POST, url, HeaderMap::new(), Bytes::new()).await
}

/// Calls a server that answers with these bytes and then closes.
async fn answered(bytes: &'static [u8]) -> Result<Answer, CallError> {
    let server = scripted(move |mut peer| async move { reply(&mut peer, bytes).await }).await;
    call(&format!("http://{server}/")).await
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for url in [
        &format!("http://{closed}/"),
        "",
        "/only/a/path",
        "ftp://127.0.0.1/",
        "http:///nowhere",
        "no url at all",
        "http://no-such-host.invalid/",
    ] {
        let result = call(url).await;
        assert!(matches!(result, Err(CallError::NotSent(_))), "{url}: {result:?}");
    }
}

#[tokio::test]
async fn without_tls_nothing_was_sent() {
    let plain = scripted(|mut peer| async move {
        let mut hello = Vec::new();
        let _ = peer.0.read_buf(&mut hello).await;
        peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    match call(&format!("https://{plain}/")).await {
        Err(CallError::NotSent(text)) => assert!(!text.contains("no connection within"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_peer_that_never_finishes_its_handshake_was_sent_nothing() {
    let mute = scripted(|mut peer| async move {
        let mut hello = Vec::new();
        let _ = peer.0.read_to_end(&mut hello).await;
    })
    .await;
    let begun = Instant::now();
    let result = call(&format!("https://{mute}/")).await;
    assert!(matches!(result, Err(CallError::NotSent(_))), "{result:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "only the whole call's deadline ended it");
}

#[tokio::test]
async fn silence_and_an_end_after_the_request_are_no_answer() {
    let silent = scripted(|mut peer| async move {
        let mut request = Vec::new();
        let _ = peer.0.read_to_end(&mut request).await;
    })
    .await;
    let result = call(&format!("http://{silent}/")).await;
    assert!(matches!(result, Err(CallError::NoAnswer(_))), "{result:?}");

    for cut in [&b""[..], b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\ncontent-le", b"not HTTP\r\n\r\n"]
    {
        let result = answered(cut).await;
        assert!(matches!(result, Err(CallError::NoAnswer(_))), "{cut:?}: {result:?}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_still_an_answer() {
    for (answer, why) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"[..], "broke off"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n", "longer than 1000 bytes"),
    ] {
        match answered(answer).await {
            Err(CallError::BadAnswer(text)) => assert!(text.contains(why), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn any_status_is_an_answer_and_no_redirect_is_followed() {
    let moved =
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\nno";
    let answer = answered(moved).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::FOUND, &b"no"[..]));
    let answer =
        answered(b"HTTP/1.1 503 Busy\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n").await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(17)));
}

#[test]
fn retry_after_is_read_when_it_is_a_number() {
    let after = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", value.parse().unwrap());
        Answer { status: StatusCode::OK, headers, body: Bytes::new() }.retry_after()
    };
    assert_eq!(after("120"), Some(Duration::from_secs(120)));
    assert_eq!(after(" 7 "), Some(Duration::from_secs(7)));
    for other in ["", "-1", "1.5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999"]
    {
        assert_eq!(after(other), None, "{other}");
    }
    let none = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() };
    assert_eq!(none.retry_after(), None);
}
