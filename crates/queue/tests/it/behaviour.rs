//! What every engine does: the same functions, run on each. A function that [`on_both_engines`]
//! does not name would be dead code, which the lints refuse.

use crate::support::engine::Engine;
use crate::support::{depth_becomes, message, messages, next, store, take_all};
use bytes::Bytes;
use relink_core::trace::TraceContext;
use relink_core::wire::Topic;
use relink_queue::{OutMessage, Published, Settlement};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Makes a test of each function for each engine.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::engine::Engine::embedded().await).await;
            })*
        }
        mod rabbitmq {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::engine::Engine::rabbitmq().await).await;
            })*
        }
    };
}
pub(crate) use on_both_engines;

on_both_engines!(
    a_message_arrives_as_it_was_published_and_is_gone_once_done,
    a_batch_is_answered_in_order_and_delivered_in_order,
    topics_do_not_mix,
    preparing_again_changes_nothing,
    a_waiting_consumer_is_woken_and_a_cancelled_wait_loses_nothing,
    a_retried_delivery_comes_again,
    a_dropped_delivery_comes_again,
    a_dropped_consumer_gives_back_all_it_held,
    a_consumer_holds_no_more_than_its_prefetch,
    a_stopped_consumer_hands_back_and_can_still_settle,
    consumers_share_the_work_without_doubling_any,
    the_depth_is_what_waits,
);

const TOPIC: Topic = Topic::Signals;

fn ids<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.into_iter().map(str::to_owned).collect()
}

async fn a_message_arrives_as_it_was_published_and_is_gone_once_done(engine: Engine) {
    let trace: TraceContext =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let every_byte = Bytes::from_iter(0..=255_u8);
    let large = Bytes::from(vec![0x5A; 300_000]);
    let sent = [
        OutMessage { id: "evt-1".into(), body: every_byte, trace: Some(trace) },
        OutMessage { id: "Ünïcode 日本".into(), body: Bytes::new(), trace: None },
        OutMessage { id: "large".into(), body: large, trace: None },
    ];
    store(&*engine.queue, TOPIC, &sent).await;
    let mut consumer = engine.queue.consumer(TOPIC, 10);
    for sent in sent {
        let got = next(&mut *consumer).await;
        assert_eq!((got.id.clone(), got.trace), (sent.id, sent.trace));
        assert!(got.body == sent.body, "the body of {} is another", got.id);
        assert!(!got.redelivered);
        got.settle(Settlement::Done);
    }
    depth_becomes(&*engine.queue, TOPIC, 0).await;
    drop(consumer);
    // What comes first after a restart of the consumer is the next message, not an old one.
    store(&*engine.queue, TOPIC, &[message("after")]).await;
    assert_eq!(next(&mut *engine.queue.consumer(TOPIC, 10)).await.id, "after");
}

async fn a_batch_is_answered_in_order_and_delivered_in_order(engine: Engine) {
    let mut publisher = engine.queue.publisher();
    assert_eq!(publisher.publish(TOPIC, &[]).await, []);
    let batch = messages("", 500);
    assert_eq!(publisher.publish(TOPIC, &batch).await, vec![Published::Stored; 500]);
    let wanted: Vec<String> = batch.into_iter().map(|message| message.id).collect();
    let mut consumer = engine.queue.consumer(TOPIC, 50);
    let seen = take_all(&mut *consumer, &wanted.iter().cloned().collect()).await;
    assert_eq!(seen, wanted);
}

async fn topics_do_not_mix(engine: Engine) {
    for topic in Topic::ALL {
        store(&*engine.queue, *topic, &[message(topic.as_str())]).await;
    }
    for topic in Topic::ALL {
        let mut consumer = engine.queue.consumer(*topic, 10);
        let got = next(&mut *consumer).await;
        assert_eq!(got.id, topic.as_str());
        got.settle(Settlement::Done);
        depth_becomes(&*engine.queue, *topic, 0).await;
    }
}

async fn preparing_again_changes_nothing(engine: Engine) {
    engine.queue.prepare().await.unwrap();
    store(&*engine.queue, TOPIC, &[message("1")]).await;
    engine.queue.prepare().await.unwrap();
    assert_eq!(next(&mut *engine.queue.consumer(TOPIC, 1)).await.id, "1");
}

async fn a_waiting_consumer_is_woken_and_a_cancelled_wait_loses_nothing(engine: Engine) {
    let mut publisher = engine.queue.publisher();
    let mut consumer = engine.queue.consumer(TOPIC, 1);
    for n in 0..50 {
        let id = format!("{n}");
        let batch = [message(&id)];
        // Given up at some point between the publishing and the delivery.
        let (woken, published) = tokio::join!(
            tokio::time::timeout(Duration::from_micros(n * 100), consumer.next()),
            publisher.publish(TOPIC, &batch),
        );
        assert_eq!(published, [Published::Stored]);
        let got = match woken {
            Ok(got) => got,
            Err(_) => next(&mut *consumer).await,
        };
        assert_eq!(got.id, id);
        got.settle(Settlement::Done);
    }
    depth_becomes(&*engine.queue, TOPIC, 0).await;
}

async fn a_retried_delivery_comes_again(engine: Engine) {
    store(&*engine.queue, TOPIC, &[message("1")]).await;
    let mut consumer = engine.queue.consumer(TOPIC, 5);
    let started = Instant::now();
    for round in 0..3 {
        let got = next(&mut *consumer).await;
        assert_eq!((&got.id[..], &got.body[..]), ("1", &b"body of 1"[..]));
        assert_eq!(got.redelivered, round > 0);
        got.settle(Settlement::Retry);
    }
    next(&mut *consumer).await.settle(Settlement::Done);
    assert!(started.elapsed() > Duration::from_millis(250), "it must not spin");
    depth_becomes(&*engine.queue, TOPIC, 0).await;
    assert_eq!(engine.queue.dead_letters().count().await.unwrap(), 0);
}

async fn a_dropped_delivery_comes_again(engine: Engine) {
    store(&*engine.queue, TOPIC, &[message("1")]).await;
    let mut consumer = engine.queue.consumer(TOPIC, 5);
    drop(next(&mut *consumer).await);
    let again = next(&mut *consumer).await;
    assert!(again.redelivered && again.id == "1");
    again.settle(Settlement::Done);
    depth_becomes(&*engine.queue, TOPIC, 0).await;
}

async fn a_dropped_consumer_gives_back_all_it_held(engine: Engine) {
    store(&*engine.queue, TOPIC, &messages("", 4)).await;
    let mut first = engine.queue.consumer(TOPIC, 3);
    let settled = next(&mut *first).await;
    let held = next(&mut *first).await;
    assert_eq!((&settled.id[..], &held.id[..]), ("00000", "00001"));
    settled.settle(Settlement::Done);
    depth_of_unsettled(&engine, &["00001", "00002", "00003"]).await;
    drop(first);

    let mut second = engine.queue.consumer(TOPIC, 10);
    take_all(&mut *second, &ids(["00001", "00002", "00003"])).await;
    depth_becomes(&*engine.queue, TOPIC, 0).await;
    // Its consumer is gone: this says nothing to anybody.
    held.settle(Settlement::Dead(relink_queue::DeadReason::Malformed));
    assert_eq!(engine.queue.dead_letters().count().await.unwrap(), 0);
}

/// Waits until a settlement has reached the queue, which nothing else shows: the embedded depth
/// counts what is in hand, RabbitMQ's does not.
async fn depth_of_unsettled(engine: &Engine, unsettled: &[&str]) {
    crate::support::eventually("the settlement to arrive", async || {
        let depth = engine.queue.depth(TOPIC).await?;
        (depth <= u64::try_from(unsettled.len()).unwrap()).then_some(())
    })
    .await;
}

async fn a_consumer_holds_no_more_than_its_prefetch(engine: Engine) {
    store(&*engine.queue, TOPIC, &messages("", 5)).await;
    let mut first = engine.queue.consumer(TOPIC, 3);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(next(&mut *first).await);
    }
    // The rest can only come here because the first one did not take it.
    let mut second = engine.queue.consumer(TOPIC, 3);
    take_all(&mut *second, &ids(["00003", "00004"])).await;
    assert!(first.try_next().is_none() && second.try_next().is_none());
    drop(second);

    // A place is free again once a delivery is settled.
    store(&*engine.queue, TOPIC, &[message("more")]).await;
    held.pop().unwrap().settle(Settlement::Done);
    assert_eq!(next(&mut *first).await.id, "more");
}

async fn a_stopped_consumer_hands_back_and_can_still_settle(engine: Engine) {
    // They live on to the end: a broker may still be writing an acknowledgement down when its
    // connection goes, and then delivers once more, as it may.
    let mut stopped = Vec::new();
    // Stopping meets deliveries on their way in, at another place each time.
    for round in 0..10 {
        let batch = messages(&format!("{round}-"), 30);
        store(&*engine.queue, TOPIC, &batch).await;
        let mut first = engine.queue.consumer(TOPIC, 20);
        let held = next(&mut *first).await;
        first.stop().await;
        assert!(first.try_next().is_none());

        let mut rest: BTreeSet<String> = batch.into_iter().map(|message| message.id).collect();
        assert!(rest.remove(&held.id));
        let mut second = engine.queue.consumer(TOPIC, 10);
        let seen = take_all(&mut *second, &rest).await;
        assert!(!seen.contains(&held.id), "it is still in hand");
        let after = tokio::time::timeout(Duration::from_millis(1), first.next()).await;
        assert!(after.is_err(), "nothing comes after the stop");
        held.settle(Settlement::Done);
        depth_becomes(&*engine.queue, TOPIC, 0).await;
        assert!(second.try_next().is_none(), "what was settled after the stop stays settled");
        stopped.push(first);
    }
}

async fn consumers_share_the_work_without_doubling_any(engine: Engine) {
    const MESSAGES: usize = 1_000;
    let (seen, mut all_seen) = tokio::sync::mpsc::unbounded_channel();
    let mut consumers = tokio::task::JoinSet::new();
    for number in 0..4 {
        let (queue, seen) = (Arc::clone(&engine.queue), seen.clone());
        consumers.spawn(async move {
            let mut consumer = queue.consumer(TOPIC, 7);
            loop {
                let delivery = consumer.next().await;
                seen.send((number, delivery.id.clone())).unwrap();
                delivery.settle(Settlement::Done);
            }
        });
    }
    for batch in messages("", MESSAGES).chunks(300) {
        store(&*engine.queue, TOPIC, batch).await;
    }
    let (mut ids, mut workers) = (Vec::new(), BTreeSet::new());
    while ids.len() < MESSAGES {
        let seen = tokio::time::timeout(crate::support::PATIENCE, all_seen.recv());
        let (worker, id) = seen.await.expect("one is missing").unwrap();
        ids.push(id);
        workers.insert(worker);
    }
    depth_becomes(&*engine.queue, TOPIC, 0).await;
    assert!(all_seen.try_recv().is_err(), "one came twice");
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), workers.len()), (MESSAGES, 4));
}

async fn the_depth_is_what_waits(engine: Engine) {
    engine.queue.prepare().await.unwrap();
    for topic in Topic::ALL {
        assert_eq!(engine.queue.depth(*topic).await, Some(0));
    }
    store(&*engine.queue, Topic::SendSms, &messages("", 3)).await;
    depth_becomes(&*engine.queue, Topic::SendSms, 3).await;
    depth_becomes(&*engine.queue, Topic::SendEmail, 0).await;
    let mut consumer = engine.queue.consumer(Topic::SendSms, 10);
    for _ in 0..3 {
        next(&mut *consumer).await.settle(Settlement::Done);
    }
    depth_becomes(&*engine.queue, Topic::SendSms, 0).await;
}
