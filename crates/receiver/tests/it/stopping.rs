//! The end of a receiver: in good order when asked, loudly when it must.

use crate::support::*;
use relink_receiver::RunError;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_request_in_hand_is_finished_and_no_new_one_begun() {
    let world = World::usual().await;
    let bytes = signed(SECRET, event("in hand").as_bytes());
    let mut stream = open(world.addr).await;
    let idle = open(world.addr).await;
    stream.write_all(&bytes[..bytes.len() - 20]).await.unwrap();
    // Answered on the same listener, so the half request above has been taken in hand.
    assert_eq!(world.webhook(&event("before")).await.status, 202);
    world.shutdown.cancel();
    let refused = async { while TcpStream::connect(world.addr).await.is_ok() {} };
    tokio::time::timeout(Duration::from_millis(900), refused).await.expect("new ones are refused");
    stream.write_all(&bytes[bytes.len() - 20..]).await.unwrap();
    assert_eq!(read_reply(&mut stream).await.unwrap().status, 202);
    drop(idle);

    let queue = world.queue.clone();
    world.stop().await;
    assert!(queue.stored_ids().contains(&"in hand".to_owned()), "forwarded on the way out");
}

#[tokio::test]
async fn the_last_try_forwards_what_the_queue_takes_by_then() {
    let queue = ScriptedQueue::down();
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    for n in 0..20 {
        world.webhook(&event(&format!("e{n}"))).await;
    }
    // Long enough for the waits between tries to have grown.
    eventually("some tries", || queue.calls() >= 4).await;
    queue.now(|_| Verdict::Store);
    world.stop().await;
    assert_eq!(queue.stored().len(), 20);
}

/// Who connects meanwhile waits in the socket for the next receiver.
#[tokio::test]
async fn there_is_no_last_try_where_somebody_else_keeps_the_socket() {
    let queue = ScriptedQueue::down();
    let setup = Setup { queue: queue.clone(), kept_socket: true, ..Setup::default() };
    let world = World::start(setup).await;
    assert_eq!(world.webhook(EVENT).await.status, 202);
    // Until the wait for the next try is one second at least.
    eventually("some tries", || queue.calls() >= 8).await;
    let dir = world.stop().await;
    assert_eq!(queue.calls(), 8);
    let world = World::start_in(dir, Setup::default()).await;
    world.forwarded().await;
    assert_eq!(world.queue.stored().len(), 1);
}

#[tokio::test]
async fn a_queue_that_never_answers_does_not_hold_up_the_end() {
    let queue = ScriptedQueue::new(|_| Verdict::Hang);
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    assert_eq!(world.webhook(EVENT).await.status, 202);
    eventually("it hangs", || queue.calls() == 1).await;
    let begun = Instant::now();
    let dir = world.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());

    queue.now(|_| Verdict::Store);
    let world = World::start_in(dir, Setup { queue, ..Setup::default() }).await;
    world.forwarded().await;
    assert_eq!(world.queue.stored().len(), 1);
}

#[tokio::test]
async fn an_idle_receiver_stops_at_once() {
    let world = World::usual().await;
    let begun = Instant::now();
    world.stop().await;
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_receiver_that_can_no_longer_forward_ends_and_says_so() {
    let queue = ScriptedQueue::new(|_| Verdict::Panic);
    let world = World::start(Setup { queue, ..Setup::default() }).await;
    assert_eq!(world.webhook(EVENT).await.status, 202);
    let end = tokio::time::timeout(Duration::from_secs(10), world.running).await;
    assert!(matches!(end.unwrap().unwrap(), Err(RunError::ForwarderDied(_))));
    assert_eq!(world.spool.stats().pending, 1);
}
