//! The embedded queue: nothing leaves it unsettled, over restarts, dropped consumers and
//! failing handlers; its dead letters from inside and from beside it.

mod fuzz;
mod letters;

use super::*;
use crate::{DeadReason, Delivery, Settlement};
use bytes::Bytes;
use relink_core::seal::KEY_LEN;
use relink_core::trace::TraceContext;
use tempfile::TempDir;

fn key() -> SealKey {
    SealKey::from_bytes("test", &[7; KEY_LEN]).unwrap()
}

async fn open(dir: &TempDir) -> EmbeddedQueue {
    EmbeddedQueue::open(dir.path(), key(), 64 << 20, 0.0).await.unwrap()
}

fn message(id: &str) -> OutMessage {
    OutMessage { id: id.to_owned(), body: Bytes::from(format!("body of {id}")), trace: None }
}

async fn publish(queue: &EmbeddedQueue, ids: &[&str]) {
    let batch: Vec<OutMessage> = ids.iter().map(|id| message(id)).collect();
    let published = queue.publisher().publish(Topic::Signals, &batch).await;
    assert_eq!(published, vec![Published::Stored; ids.len()]);
}

/// The next delivery, within ten seconds.
async fn next(consumer: &mut dyn Consumer) -> Delivery {
    let next = tokio::time::timeout(Duration::from_secs(10), consumer.next());
    next.await.expect("no delivery within 10 s")
}

async fn depth_becomes(queue: &EmbeddedQueue, depth: u64) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while queue.depth(Topic::Signals).await != Some(depth) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("the depth is never {depth}"));
}

#[tokio::test]
async fn what_is_published_is_delivered_once_settled_and_gone() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    queue.prepare().await.unwrap();
    let trace: TraceContext =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let traced = OutMessage { trace: Some(trace), ..message("1") };
    queue.publisher().publish(Topic::Signals, &[traced]).await;
    assert_eq!(queue.depth(Topic::Signals).await, Some(1));
    assert_eq!(queue.depth(Topic::SendSms).await, Some(0));

    let mut consumer = queue.consumer(Topic::Signals, 10);
    let delivery = next(&mut *consumer).await;
    assert_eq!((&delivery.id[..], &delivery.body[..]), ("1", &b"body of 1"[..]));
    assert_eq!((delivery.trace, delivery.redelivered), (Some(trace), false));
    assert_eq!(queue.depth(Topic::Signals).await, Some(1), "in hand is not gone");
    delivery.settle(Settlement::Done);
    depth_becomes(&queue, 0).await;
    assert!(consumer.try_next().is_none());
}

#[tokio::test]
async fn a_waiting_consumer_is_woken_and_a_cancelled_wait_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    let mut consumer = queue.consumer(Topic::Signals, 1);
    for n in 0..50 {
        let id = n.to_string();
        let ids = [&id[..]];
        // Given up somewhere between the append and the delivery.
        let (woken, ()) = tokio::join!(
            tokio::time::timeout(Duration::from_micros(n * 40), consumer.next()),
            publish(&queue, &ids),
        );
        let delivery = match woken {
            Ok(delivery) => delivery,
            Err(_) => next(&mut *consumer).await,
        };
        assert_eq!(delivery.id, id);
        delivery.settle(Settlement::Done);
        depth_becomes(&queue, 0).await;
    }
}

#[tokio::test]
async fn a_retried_or_dropped_delivery_comes_again_but_not_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    publish(&queue, &["1"]).await;
    let mut consumer = queue.consumer(Topic::Signals, 1);
    next(&mut *consumer).await.settle(Settlement::Retry);
    let start = Instant::now();
    let again = next(&mut *consumer).await;
    assert!(again.redelivered && start.elapsed() >= Duration::from_millis(40));
    assert_eq!((&again.id[..], &again.body[..]), ("1", &b"body of 1"[..]));
    drop(again);
    next(&mut *consumer).await.settle(Settlement::Done);
    depth_becomes(&queue, 0).await;
}

#[tokio::test]
async fn a_consumer_holds_no_more_than_its_prefetch_and_a_dropped_one_gives_all_back() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    publish(&queue, &["1", "2", "3"]).await;
    let mut first = queue.consumer(Topic::Signals, 2);
    let one = next(&mut *first).await;
    let two = first.try_next().unwrap();
    assert!(first.try_next().is_none(), "two are in hand");

    let mut second = queue.consumer(Topic::Signals, 5);
    assert_eq!(next(&mut *second).await.id, "3", "the other consumer gets the rest");
    one.settle(Settlement::Done);
    drop(first);
    let back = next(&mut *second).await;
    assert!(back.redelivered);
    // "3" was dropped unsettled above, so both are still to come.
    let other = next(&mut *second).await;
    let mut ids = [back.id.clone(), other.id.clone()];
    ids.sort();
    assert_eq!(ids, ["2", "3"]);
    two.settle(Settlement::Done);
    assert_eq!(queue.depth(Topic::Signals).await, Some(2), "too late: its consumer is gone");
    back.settle(Settlement::Done);
    other.settle(Settlement::Done);
    depth_becomes(&queue, 0).await;
}

#[tokio::test]
async fn a_stopped_consumer_takes_no_more_and_can_still_settle() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    publish(&queue, &["1", "2"]).await;
    let mut consumer = queue.consumer(Topic::Signals, 5);
    let one = next(&mut *consumer).await;
    consumer.stop().await;
    assert!(consumer.try_next().is_none());
    let more = tokio::time::timeout(Duration::from_millis(50), consumer.next()).await;
    assert!(more.is_err(), "nothing comes after the stop");
    one.settle(Settlement::Done);
    depth_becomes(&queue, 1).await;
    assert_eq!(next(&mut *queue.consumer(Topic::Signals, 1)).await.id, "2");
}

#[tokio::test]
async fn unsettled_messages_survive_a_restart_and_a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    publish(&queue, &["1", "2", "3"]).await;
    let mut consumer = queue.consumer(Topic::Signals, 5);
    next(&mut *consumer).await.settle(Settlement::Done);
    let held = next(&mut *consumer).await;
    depth_becomes(&queue, 2).await;
    let refused = EmbeddedQueue::open(dir.path(), key(), 64 << 20, 0.0).await.unwrap_err();
    assert!(refused.to_string().contains("another relink process"), "{refused}");
    queue.close().await;
    let late = queue.publisher().publish(Topic::Signals, &[message("4")]).await;
    assert_eq!(late, [Published::NotStored(PublishFault::Unreachable)]);

    let queue = open(&dir).await;
    let mut consumer = queue.consumer(Topic::Signals, 5);
    for id in ["2", "3"] {
        let delivery = next(&mut *consumer).await;
        assert_eq!(delivery.id, id);
        assert!(delivery.redelivered, "it may have been given out before the restart");
        delivery.settle(Settlement::Done);
    }
    depth_becomes(&queue, 0).await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_consumers_share_many_messages_without_losing_or_doubling_any() {
    const MESSAGES: usize = 2_000;
    let dir = tempfile::tempdir().unwrap();
    let queue = Arc::new(open(&dir).await);
    let (seen, mut all_seen) = tokio::sync::mpsc::unbounded_channel();
    let mut consumers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (queue, seen) = (Arc::clone(&queue), seen.clone());
        consumers.spawn(async move {
            let mut consumer = queue.consumer(Topic::Signals, 7);
            loop {
                let delivery = consumer.next().await;
                seen.send(delivery.id.clone()).unwrap();
                delivery.settle(Settlement::Done);
            }
        });
    }
    let all: Vec<OutMessage> = (0..MESSAGES).map(|n| message(&n.to_string())).collect();
    for batch in all.chunks(300) {
        let published = queue.publisher().publish(Topic::Signals, batch).await;
        assert!(published.iter().all(|end| *end == Published::Stored));
    }
    let mut ids = Vec::new();
    while ids.len() < MESSAGES {
        let next = tokio::time::timeout(Duration::from_secs(10), all_seen.recv());
        ids.push(next.await.expect("one is missing").unwrap());
    }
    depth_becomes(&queue, 0).await;
    assert!(all_seen.try_recv().is_err());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), MESSAGES);
}

#[tokio::test]
async fn a_full_queue_says_so_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let queue = EmbeddedQueue::open(dir.path(), key(), 16 << 10, 0.0).await.unwrap();
    let batch: Vec<OutMessage> = (0..300).map(|n| message(&n.to_string())).collect();
    let published = queue.publisher().publish(Topic::Signals, &batch).await;
    let stored = published.iter().filter(|end| **end == Published::Stored).count();
    let refused = Published::NotStored(PublishFault::Refused);
    assert!(stored > 50 && published[stored..].iter().all(|end| *end == refused));
    assert_eq!(queue.depth(Topic::Signals).await, u64::try_from(stored).ok());
    let mut consumer = queue.consumer(Topic::Signals, 1);
    for n in 0..stored {
        let delivery = next(&mut *consumer).await;
        assert_eq!(delivery.id, n.to_string());
        delivery.settle(Settlement::Done);
    }
    depth_becomes(&queue, 0).await;
}
