//! Requests that are not quite HTTP, or try to be two things at once.

use crate::support::*;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Everything the receiver says until it closes the connection.
async fn all_said(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = async { while matches!(stream.read_buf(&mut said).await, Ok(1..)) {} };
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("the connection ends");
    String::from_utf8_lossy(&said).into_owned()
}

async fn said_to(world: &World, bytes: &[u8]) -> String {
    let mut stream = open(world.addr).await;
    // A receiver that has heard enough may close before everything is written.
    let _ = stream.write_all(bytes).await;
    all_said(&mut stream).await
}

#[tokio::test]
async fn a_chunked_event_is_taken_and_ends_its_connection() {
    let world = World::usual().await;
    let head = format!("{HEAD}cobalt-verification: {EVENT_SIGNATURE}\r\n");
    let said = said_to(
        &world,
        format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunked(EVENT)).as_bytes(),
    )
    .await;
    assert!(said.starts_with("HTTP/1.1 202"), "{said}");
    world.forwarded().await;
    assert_eq!(world.queue.stored().len(), 1);
}

#[tokio::test]
async fn a_request_smuggled_behind_a_chunked_one_is_never_served() {
    let world = World::usual().await;
    let smuggled = String::from_utf8(signed(SECRET, event("smuggled").as_bytes())).unwrap();
    let signature = format!("cobalt-verification: {EVENT_SIGNATURE}\r\n");
    let length = EVENT.len();
    for framing in [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
        "transfer-encoding: chunked\r\n".to_owned(),
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n".to_owned(),
    ] {
        let bytes = format!("{HEAD}{signature}{framing}\r\n{}{smuggled}", chunked(EVENT));
        let said = said_to(&world, bytes.as_bytes()).await;
        assert!(said.matches("HTTP/1.1").count() <= 1, "{framing}: {said}");
    }
    world.forwarded().await;
    assert!(!world.queue.stored_ids().contains(&"smuggled".to_owned()));
}

#[tokio::test]
async fn what_is_not_http_gets_no_2xx_stores_nothing_and_harms_nobody() {
    let world = World::usual().await;
    for (name, bytes) in not_http(EVENT, EVENT_SIGNATURE) {
        let said = said_to(&world, &bytes).await;
        let refused = said.is_empty() || said.starts_with("HTTP/1.1 4");
        assert!(refused, "{name}: {said}");
    }
    assert_eq!(world.ever_stored(), 0);
    assert_eq!(world.webhook(EVENT).await.status, 202);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_an_event() {
    let world = World::usual().await;
    let whole = signed(SECRET, EVENT.as_bytes());
    for missing in [1, 100, EVENT.len()] {
        let mut stream = open(world.addr).await;
        stream.write_all(&whole[..whole.len() - missing]).await.unwrap();
        stream.shutdown().await.unwrap();
        let said = all_said(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{missing}: {said}");
    }
    assert_eq!(world.ever_stored(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_slow_is_cut_off_after_a_second() {
    let world = World::usual().await;
    let whole = signed(SECRET, EVENT.as_bytes());
    let mut stream = open(world.addr).await;
    stream.write_all(&whole[..whole.len() - 1]).await.unwrap();
    let begun = Instant::now();
    let reply = read_reply(&mut stream).await.unwrap();
    assert_eq!(reply.status, 408, "{reply:?}");
    let took = begun.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_millis(3000)).contains(&took), "{took:?}");
    assert_eq!(world.ever_stored(), 0);
}

#[tokio::test]
async fn a_chunked_body_without_end_is_cut_off() {
    let world = World::usual().await;
    let head = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let (mut receive, mut send) = open(world.addr).await.into_split();
    let pushing = tokio::spawn(async move {
        let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
        send.write_all(head.as_bytes()).await?;
        loop {
            send.write_all(chunk.as_bytes()).await?;
        }
        #[expect(unreachable_code, reason = "names the type of the error")]
        std::io::Result::Ok(())
    });
    let mut said = Vec::new();
    let read = async { while matches!(receive.read_buf(&mut said).await, Ok(1..)) {} };
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("the connection ends");
    drop(receive);
    assert!(pushing.await.unwrap().is_err(), "the receiver must stop listening");
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 413"), "{said}");
    let line = r#"relink_requests_total{route="/webhooks/cobalt",status="413"}"#;
    eventually("it is counted", || world.metric(line) == 1.0).await;
}

#[tokio::test]
async fn a_sender_that_waits_to_be_asked_gets_its_answer_without_sending() {
    let world = World::usual().await;
    let expect = "expect: 100-continue\r\ncontent-length: 100000\r\n\r\n";
    let mut stream = open(world.addr).await;
    stream.write_all(format!("{HEAD}{expect}").as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut stream).await.unwrap().status, 413);

    let body = EVENT.len();
    let expect = format!("expect: 100-continue\r\ncontent-length: {body}\r\n\r\n");
    let mut stream = open(world.addr).await;
    let head = format!("{HEAD}cobalt-verification: {EVENT_SIGNATURE}\r\n{expect}");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut stream).await.unwrap().status, 100);
    stream.write_all(EVENT.as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut stream).await.unwrap().status, 202);
}
