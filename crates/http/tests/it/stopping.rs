//! The one way to stop: take no more, finish, deadline, leave.

use crate::support::*;
use hyper::StatusCode;
use relink_http::server::Limits;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A listener whose answers wait for `go`, with one request in hand.
async fn in_hand(drain: Duration) -> (Listener, Peer, Arc<Notify>) {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let listener = Listener::start(Limits { drain, ..Limits::default() }, move |_| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            plain(StatusCode::OK)
        }
    })
    .await;
    let mut peer = listener.open().await;
    peer.send(GET).await;
    tokio::time::timeout(SOON, begun.notified()).await.unwrap();
    (listener, peer, go)
}

#[tokio::test]
async fn a_stop_finishes_the_request_in_hand_and_refuses_new_ones() {
    let (listener, mut peer, go) = in_hand(SOON).await;
    listener.stop.cancel();
    let begun = Instant::now();
    while TcpStream::connect(listener.address).await.is_ok() {
        assert!(begun.elapsed() < SOON, "still listening");
        tokio::task::yield_now().await;
    }
    assert!(!listener.running.is_finished());
    go.notify_one();
    let said = peer.rest().await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("answer"), "{said}");
    assert!(said.to_ascii_lowercase().contains("connection: close"), "{said}");
    listener.ended().await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_a_stop() {
    let drain = Duration::from_secs(60);
    let limits = Limits { drain, header_timeout: drain, ..Limits::default() };
    let listener = Listener::answering(limits, StatusCode::OK).await;
    let (mut used, mut fresh) = (listener.open().await, listener.open().await);
    used.send(GET).await;
    used.answer().await;
    listener.stop.cancel();
    assert_eq!((used.rest().await, fresh.rest().await), (String::new(), String::new()));
    listener.ended().await;
}

#[tokio::test]
async fn what_is_not_finished_by_the_deadline_is_cut_off() {
    let drain = Duration::from_millis(200);
    let (listener, mut peer, _never) = in_hand(drain).await;
    let begun = Instant::now();
    listener.stop.cancel();
    listener.ended().await;
    assert!(begun.elapsed() >= drain, "{:?}", begun.elapsed());
    assert_eq!(peer.rest().await, "");
}
