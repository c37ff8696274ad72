//! What is said to requests that could be two, or are none, and whether it arrives.

use crate::support::*;
use hyper::StatusCode;
use relink_http::server::Limits;
use tokio::net::TcpSocket;

#[tokio::test]
async fn another_protocol_is_refused_and_the_listener_goes_on() {
    let listener = Listener::answering(Limits::default(), StatusCode::OK).await;
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"GET / HTTP/3.0\r\n\r\n",
    ] {
        let mut peer = listener.open().await;
        peer.send(bytes).await;
        let said = peer.rest().await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
    }
    assert!(listener.asked().is_empty());
    let mut peer = listener.open().await;
    peer.send(GET).await;
    assert!(peer.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_request_with_two_lengths_is_the_last_of_its_connection() {
    let listener = Listener::answering(Limits::default(), StatusCode::OK).await;
    for lengths in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "transfer-encoding: chunked",
    ] {
        let mut peer = listener.open().await;
        let request = format!(
            "POST /one HTTP/1.1\r\nhost: test\r\n{lengths}\r\n\r\n0\r\n\r\n\
             GET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n"
        );
        peer.send(request.as_bytes()).await;
        let said = peer.rest().await;
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
        assert!(said.to_ascii_lowercase().contains("connection: close"), "{said}");
    }
    assert_eq!(listener.asked(), ["/one"; 3]);
}

#[tokio::test]
async fn only_a_refusal_of_the_peers_own_fault_closes_the_connection() {
    for (status, closes) in [
        (StatusCode::OK, false),
        (StatusCode::SERVICE_UNAVAILABLE, false),
        (StatusCode::UNAUTHORIZED, true),
        (StatusCode::TOO_MANY_REQUESTS, true),
    ] {
        let listener = Listener::answering(Limits::default(), status).await;
        let mut peer = listener.open().await;
        peer.send(&[GET, GET].concat()).await;
        if closes {
            assert_eq!(peer.rest().await.matches("HTTP/1.1 ").count(), 1, "{status}");
        } else {
            peer.answer().await;
            peer.send(GET).await;
            peer.answer().await;
        }
    }
}

#[tokio::test]
async fn a_refusal_reaches_a_peer_that_is_still_sending_its_body() {
    let listener = Listener::answering(Limits::default(), StatusCode::PAYLOAD_TOO_LARGE).await;
    for _ in 0..20 {
        // Little room under way, so that most of the body is still to be written when the
        // refusal comes.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(4096).unwrap();
        let mut peer = Peer(socket.connect(listener.address).await.unwrap());
        let body = vec![b'x'; 900_000];
        let head =
            format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len());
        peer.send(head.as_bytes()).await;
        peer.send(&body).await;
        let said = peer.rest().await;
        assert!(said.starts_with("HTTP/1.1 413") && said.ends_with("answer"), "{said}");
    }
}

#[tokio::test]
async fn a_service_that_panics_costs_its_own_connection_only() {
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let listener = Listener::start(limits, |request| async move {
        assert_ne!(request.uri().path(), "/panic", "on purpose");
        plain(StatusCode::OK)
    })
    .await;
    let mut unlucky = listener.open().await;
    unlucky.send(b"GET /panic HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert_eq!(unlucky.rest().await, "");
    let mut next = listener.open().await;
    next.send(GET).await;
    assert!(next.answer().await.starts_with("HTTP/1.1 200"));
}
