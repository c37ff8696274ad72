//! Bodies that are too long, too slow or never end.

use crate::support::*;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use relink_http::body::{BodyError, read};
use relink_http::server::Limits;
use std::convert::Infallible;
use std::time::Duration;

const CAP: usize = 1000;

/// A listener that reads bodies of up to [`CAP`] bytes and says what came of it.
async fn reader() -> Listener {
    Listener::start(Limits::default(), |request| async move {
        match read(request.into_body(), CAP, Duration::from_millis(500)).await {
            Ok(body) if body.iter().all(|byte| *byte == b'x') => plain(StatusCode::OK),
            Ok(_) => plain(StatusCode::IM_A_TEAPOT),
            Err(BodyError::TooLong(CAP)) => plain(StatusCode::PAYLOAD_TOO_LARGE),
            Err(BodyError::TooLong(_)) => plain(StatusCode::IM_A_TEAPOT),
            Err(BodyError::TooSlow) => plain(StatusCode::REQUEST_TIMEOUT),
            Err(BodyError::Broken) => plain(StatusCode::BAD_REQUEST),
        }
    })
    .await
}

fn chunk(size: usize) -> String {
    format!("{size:x}\r\n{}\r\n", "x".repeat(size))
}

async fn status(framing: &str, body: &str) -> String {
    let listener = reader().await;
    let mut peer = listener.open().await;
    let head = format!("POST / HTTP/1.1\r\nhost: test\r\n{framing}\r\n\r\n");
    peer.send(head.as_bytes()).await;
    peer.send(body.as_bytes()).await;
    peer.answer().await["HTTP/1.1 ".len()..][..3].to_owned()
}

#[tokio::test]
async fn the_bytes_count_and_not_what_is_said_about_them() {
    let chunked = "transfer-encoding: chunked";
    let end = "0\r\n\r\n";
    let ten = chunk(100).repeat(10);
    for (framing, body, expected) in [
        ("content-length: 1000", "x".repeat(1000), "200"),
        ("content-length: 0", String::new(), "200"),
        (chunked, format!("{ten}{end}"), "200"),
        (chunked, end.to_owned(), "200"),
        // Refused before a byte of the body is there.
        ("content-length: 1001", String::new(), "413"),
        ("content-length: 9223372036854775807", String::new(), "413"),
        (chunked, format!("{ten}{}{end}", chunk(1)), "413"),
        // Refused although the end never comes.
        (chunked, chunk(500).repeat(3), "413"),
        ("content-length: 1000", "x".repeat(999), "408"),
        (chunked, ten.clone(), "408"),
        (chunked, "zz\r\n".to_owned(), "400"),
    ] {
        assert_eq!(status(framing, &body).await, expected, "{framing}, {} bytes", body.len());
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told_from_one_that_is_slow() {
    let listener = reader().await;
    let mut peer = listener.open().await;
    peer.send(b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nxxx").await;
    tokio::io::AsyncWriteExt::shutdown(&mut peer.0).await.unwrap();
    // hyper may close without an answer when its peer has left; it must not answer otherwise.
    let said = peer.rest().await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_for_the_whole_body() {
    let deadline = Duration::from_secs(5);
    let trickle = futures(Duration::from_secs(1));
    let begun = tokio::time::Instant::now();
    let result = read(StreamBody::new(trickle), CAP, deadline).await;
    assert_eq!(result, Err(BodyError::TooSlow));
    assert_eq!(begun.elapsed(), deadline);
}

/// A byte now and then, for ever.
fn futures(
    every: Duration,
) -> impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> + Unpin {
    Box::pin(futures_util::stream::unfold((), move |()| async move {
        tokio::time::sleep(every).await;
        Some((Ok(Frame::data(Bytes::from_static(b"x"))), ()))
    }))
}

#[tokio::test]
async fn frames_without_data_are_passed_over() {
    let trailers = Full::new(Bytes::from_static(b"xyz"))
        .with_trailers(async { Some(Ok(hyper::HeaderMap::new())) });
    let body = read(Box::pin(trailers), CAP, SOON).await;
    assert_eq!(body, Ok(Bytes::from_static(b"xyz")));
}
