//! What a peer can make a listener hold, and for how long.

use crate::support::*;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use relink_http::server::{Limits, bind};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_head_that_does_not_end_in_time_is_cut_off_even_if_it_trickles() {
    let limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let listener = Listener::answering(limits, StatusCode::OK).await;
    let (mut silent, mut slow) = (listener.open().await, listener.open().await);
    silent.send(b"GET / HT").await;
    let begun = Instant::now();
    let mut trickle = tokio::time::interval(Duration::from_millis(20));
    slow.send(b"GET / HTTP/1.1\r\nx: ").await;
    // Each byte is progress, and still the whole head has one deadline.
    while slow.0.write_all(b"x").await.is_ok() {
        trickle.tick().await;
        assert!(begun.elapsed() < SOON, "a trickling head is kept");
    }
    assert!(begun.elapsed() >= SHORT, "{:?}", begun.elapsed());
    assert_eq!(silent.rest().await, "");
    assert!(listener.asked().is_empty());
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_a_second_request_and_then_ended() {
    let limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let listener = Listener::answering(limits, StatusCode::OK).await;
    let mut peer = listener.open().await;
    for _ in 0..2 {
        peer.send(GET).await;
        assert!(peer.answer().await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(peer.rest().await, "");
}

#[tokio::test]
async fn connections_over_the_cap_wait_in_the_backlog_and_get_in_later() {
    let limits =
        Limits { max_connections: 2, header_timeout: Duration::from_secs(60), ..Limits::default() };
    let listener = Listener::answering(limits, StatusCode::OK).await;
    let (mut first, mut second) = (listener.open().await, listener.open().await);
    for peer in [&mut first, &mut second] {
        peer.send(GET).await;
        peer.answer().await;
    }
    let mut third = listener.open().await;
    third.send(b"GET /third HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert!(timeout(SHORT, third.answer()).await.is_err(), "let in over the cap");
    assert_eq!(listener.asked().len(), 2);
    drop(first);
    assert!(third.answer().await.starts_with("HTTP/1.1 200"));
    assert_eq!(listener.asked(), ["/", "/", "/third"]);
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_loses_its_place() {
    let limits = Limits { max_connections: 1, write_timeout: SHORT, ..Limits::default() };
    let listener = Listener::start(limits, |request| async move {
        // More than any socket takes in without a reader.
        let size = if request.uri().path() == "/big" { 64 << 20 } else { 5 };
        Response::new(Full::new(Bytes::from(vec![b'x'; size])))
    })
    .await;
    let mut deaf = listener.open().await;
    deaf.send(b"GET /big HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut good = listener.open().await;
    good.send(GET).await;
    assert!(good.answer().await.ends_with("xxxxx"));
    assert!(deaf.rest().await.len() < 64 << 20);
}

#[tokio::test]
async fn a_reader_that_goes_on_reading_gets_all_of_a_large_answer() {
    const SIZE: usize = 8 << 20;
    let limits = Limits { write_timeout: SHORT, ..Limits::default() };
    let listener = Listener::start(limits, |_| async {
        Response::new(Full::new(Bytes::from(vec![b'x'; SIZE])))
    })
    .await;
    let mut peer = listener.open().await;
    peer.send(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
    let (_, body) =
        peer.rest().await.split_once("\r\n\r\n").map(|(a, b)| (a.len(), b.len())).unwrap();
    assert_eq!(body, SIZE);
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused_with_431() {
    let limits = Limits { max_head: 8192, ..Limits::default() };
    let listener = Listener::answering(limits, StatusCode::OK).await;
    let mut peer = listener.open().await;
    let long = "x".repeat(20_000);
    peer.send(format!("GET / HTTP/1.1\r\nhost: test\r\nlong: {long}\r\n\r\n").as_bytes()).await;
    assert!(peer.rest().await.starts_with("HTTP/1.1 431"));

    let mut many = listener.open().await;
    let headers: String = (0..200).map(|n| format!("h{n}: v\r\n")).collect();
    many.send(format!("GET / HTTP/1.1\r\nhost: test\r\n{headers}\r\n").as_bytes()).await;
    assert!(many.rest().await.starts_with("HTTP/1.1 431"));
    assert!(listener.asked().is_empty());
}

#[tokio::test]
async fn a_port_in_use_is_named_with_a_remedy() {
    let taken = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let text = bind(address).await.unwrap_err().to_string();
    assert!(text.contains(&address.to_string()) && text.contains("another process"), "{text}");
}
