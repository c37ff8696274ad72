//! Senders that mean harm or leave early must cost good traffic nothing.

use crate::support::*;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

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

/// Sends `begin` and then a byte now and then, until it is cut off; answers how long that took.
async fn dribble(addr: SocketAddr, begin: Vec<u8>) -> Duration {
    let begun = Instant::now();
    let mut stream = open(addr).await;
    let (mut read, mut write) = stream.split();
    let dribbling = async {
        let mut still = write.write_all(&begin).await;
        while still.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            still = write.write_all(b"a").await;
        }
        // The other half hears of the end in its own way.
        std::future::pending::<()>().await;
    };
    let mut said = Vec::new();
    tokio::select! {
        () = dribbling => {}
        // A reset is an end as well.
        _ = read.read_to_end(&mut said) => {}
    }
    let said = String::from_utf8_lossy(&said);
    // 503 where the machine is too busy to say 408 in time.
    let refused = said.starts_with("HTTP/1.1 408") || said.starts_with("HTTP/1.1 503");
    assert!(said.is_empty() || refused, "{said}");
    begun.elapsed()
}

/// 2,000 senders dribble, half of them within the head, half within the body, while a good one
/// posts again and again; the times of both, sorted.
async fn beside_dribblers(max_connections: usize) -> (Vec<Duration>, Vec<Duration>) {
    const SLOW: usize = 2000;
    raise_file_limit(2 * SLOW as u64 + 500);
    let setup = Setup { max_in_flight: 16, max_connections, ..Setup::default() };
    let world = World::start(setup).await;
    let mut whole = signed(SECRET, &[EVENT.as_bytes(), &[b' '; 10_000]].concat());
    whole.truncate(whole.len() - 10_000);
    let head = b"POST /webhooks/cobalt HTTP/1.1\r\nhost: receiver\r\nx: ".to_vec();
    let mut slow = JoinSet::new();
    for n in 0..SLOW {
        let begin = if n % 2 == 0 { head.clone() } else { whole.clone() };
        slow.spawn(dribble(world.addr, begin));
    }
    let (mut good, mut cut, mut busy) = (Vec::new(), Vec::new(), 0);
    while cut.len() < SLOW || good.len() < 50 {
        let begun = Instant::now();
        let event = event(&format!("e{}", good.len()));
        match world.webhook(&event).await.status {
            202 => good.push(begun.elapsed()),
            // A machine without time to spare; a sender tries again.
            503 => busy += 1,
            status => panic!("answered {status}"),
        }
        while let Some(ended) = slow.try_join_next() {
            cut.push(ended.unwrap());
        }
    }
    cut.sort_unstable();
    good.sort_unstable();
    let at = |all: &[Duration], percent: usize| all[(all.len() - 1) * percent / 100];
    println!(
        "{SLOW} dribblers on {max_connections} places, cut after {:?} to {:?}; {} good ones, \
         {busy} answered 503: median {:?}, p99 {:?}",
        cut[0],
        at(&cut, 100),
        good.len(),
        at(&good, 50),
        at(&good, 99),
    );
    (cut, good)
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_are_cut_off_and_do_not_hold_up_good_ones() {
    let (slow, good) = beside_dribblers(4096).await;
    // A second by the clock of a receiver that has time; this machine may have none.
    assert!(slow[0] >= Duration::from_millis(900), "cut after {:?}", slow[0]);
    assert!(slow[slow.len() / 2] < Duration::from_secs(30), "slow senders were kept");
    assert!(good[good.len() / 2] < Duration::from_secs(1), "{:?}", good[good.len() / 2]);
}

/// Who comes when every place is taken waits, and no longer than the slow ones are kept.
#[tokio::test(flavor = "multi_thread")]
async fn more_slow_senders_than_places_make_good_ones_wait_and_no_more() {
    let (slow, _) = beside_dribblers(1024).await;
    assert!(slow[slow.len() / 2] < Duration::from_secs(60), "slow senders were kept");
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
