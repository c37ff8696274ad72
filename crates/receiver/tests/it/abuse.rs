//! Senders that mean harm or leave early must cost good traffic nothing.

use crate::support::*;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn an_event_is_stored_even_if_its_sender_hangs_up_right_behind_the_body() {
    const EVENTS: usize = 100;
    let world = World::usual().await;
    for n in 0..EVENTS {
        let mut stream = open(world.addr).await;
        let bytes = signed(SECRET, event(&format!("e{n}")).as_bytes());
        stream.write_all(&bytes).await.unwrap();
        if n % 2 == 0 {
            // A reset instead of an orderly end.
            stream.set_zero_linger().unwrap();
        }
        drop(stream);
    }
    eventually("all are stored", || world.queue.stored().len() == EVENTS).await;
}

#[tokio::test]
async fn an_event_in_pieces_is_stored_even_if_its_sender_hangs_up() {
    let world = World::usual().await;
    let body = format!("{}{}", event("long"), " ".repeat(60_000));
    let bytes = signed(SECRET, body.as_bytes());
    let mut stream = open(world.addr).await;
    for piece in bytes.chunks(9_000) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.set_zero_linger().unwrap();
    drop(stream);
    eventually("it is stored", || world.queue.stored_ids() == ["long"]).await;
}

#[tokio::test]
async fn slow_senders_do_not_hold_up_good_ones() {
    const SLOW: usize = 400;
    let world = World::start(Setup { max_in_flight: 16, ..Setup::default() }).await;
    let half = signed(SECRET, EVENT.as_bytes());
    let mut slow = Vec::new();
    for n in 0..SLOW {
        let mut stream = open(world.addr).await;
        // Half of them stop within the head, half within the body.
        let end = if n % 2 == 0 { 40 } else { half.len() - 10 };
        stream.write_all(&half[..end]).await.unwrap();
        slow.push(stream);
    }
    let mut worst = Duration::ZERO;
    for n in 0..50 {
        let begun = Instant::now();
        assert_eq!(world.webhook(&event(&format!("e{n}"))).await.status, 202);
        worst = worst.max(begun.elapsed());
    }
    assert!(worst < Duration::from_millis(500), "{worst:?}");

    let begun = Instant::now();
    for stream in &mut slow {
        // Cut off, with or without a word.
        assert!(read_reply(stream).await.is_none_or(|reply| reply.status == 408));
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "slow senders were kept");
}

#[tokio::test]
async fn a_flood_of_forged_requests_stores_nothing_and_good_ones_pass() {
    const FORGED: usize = 400;
    let world = World::usual().await;
    let addr = world.addr;
    let flood = tokio::spawn(async move {
        for n in 0..FORGED {
            let reply = exchange(addr, &signed("forged", event(&format!("f{n}")).as_bytes())).await;
            assert_eq!(reply.status, 401);
        }
    });
    let mut good = Vec::new();
    for n in 0..20 {
        good.push(format!("e{n}"));
        assert_eq!(world.webhook(&event(&format!("e{n}"))).await.status, 202);
    }
    flood.await.unwrap();
    world.forwarded().await;
    assert_eq!(world.queue.stored_ids(), good);
    let line =
        r#"relink_requests_unverified_total{route="/webhooks/cobalt",reason="signature_wrong"}"#;
    assert_eq!(world.metric(line), FORGED as f64);
}

#[tokio::test]
async fn more_connections_than_allowed_wait_and_are_served_in_turn() {
    let world = World::start(Setup { max_connections: 4, ..Setup::default() }).await;
    // Idle connections use up every place and are ended after the header deadline.
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(open(world.addr).await);
    }
    assert_eq!(world.webhook(EVENT).await.status, 202);
}
