//! What has no queue to go to is never called stored, and the publisher mends what was broken.

use crate::support::admin::Admin;
use crate::support::broker::{Broker, prefix};
use crate::support::engine::rabbit;
use crate::support::{answered, eventually, message, messages, next, next_within, store, take_all};
use relink_core::wire::Topic;
use relink_queue::{PublishFault, Published, Queue, Settlement};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const TOPIC: Topic = Topic::Signals;
const RETURNED: Published = Published::NotStored(PublishFault::Returned);

/// The client library can pair a returned message with another one's confirm. It is a race, so
/// this goes on until it had many chances: three publishers, 40 messages in flight on each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_unroutable_is_called_stored_and_nothing_stored_unroutable() {
    const RETURNS: usize = 2_000;
    let (broker, prefix) = (Broker::any().await, prefix());
    let queue = Arc::new(rabbit(&[broker.url()], &prefix));
    queue.prepare().await.unwrap();
    let (enough, returns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut publishers = tokio::task::JoinSet::new();
    for number in 0..3 {
        let (queue, enough, returns) =
            (Arc::clone(&queue), Arc::clone(&enough), Arc::clone(&returns));
        publishers.spawn(async move {
            let mut publisher = queue.publisher();
            let (mut stored, mut returned) = (BTreeSet::new(), BTreeSet::new());
            for round in 0.. {
                if enough.load(Ordering::Relaxed) {
                    break;
                }
                let batch = messages(&format!("{number}-{round}-"), 120);
                let answers = publisher.publish(TOPIC, &batch).await;
                stored.extend(answered(&batch, &answers, &Published::Stored));
                let back = answered(&batch, &answers, &RETURNED);
                returns.fetch_add(back.len(), Ordering::Relaxed);
                returned.extend(back);
            }
            (stored, returned)
        });
    }
    let admin = Admin::connect(&broker.url()).await;
    eventually("enough returned messages", async || {
        admin.unbind(&prefix, TOPIC.as_str()).await;
        admin.bind(&prefix, TOPIC.as_str()).await;
        (returns.load(Ordering::Relaxed) >= RETURNS).then_some(())
    })
    .await;
    enough.store(true, Ordering::Relaxed);
    let (mut stored, mut returned) = (BTreeSet::new(), BTreeSet::new());
    while let Some(ended) = publishers.join_next().await {
        let (more_stored, more_returned) = ended.unwrap();
        stored.extend(more_stored);
        returned.extend(more_returned);
    }
    assert!(!stored.is_empty() && returned.len() >= RETURNS);
    store(&*queue, TOPIC, &[message("last")]).await;
    stored.insert("last".to_owned());

    let seen = take_all(&mut *queue.consumer(TOPIC, 200), &stored).await;
    let wrongly: Vec<&String> = seen.iter().filter(|id| returned.contains(*id)).collect();
    assert!(wrongly.is_empty(), "returned, and yet delivered: {wrongly:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_or_exchange_that_was_taken_away_is_declared_again() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    let admin = Admin::connect(&broker.url()).await;
    let mut publisher = queue.publisher();
    let mut consumer = queue.consumer(TOPIC, 5);
    assert_eq!(publisher.publish(TOPIC, &[message("1")]).await, [Published::Stored]);

    admin.unbind(&prefix, TOPIC.as_str()).await;
    assert_eq!(publisher.publish(TOPIC, &[message("2")]).await, [RETURNED]);
    eventually("the binding", async || {
        let published = publisher.publish(TOPIC, &[message("2")]).await;
        assert!(published == [RETURNED] || published == [Published::Stored], "{published:?}");
        (published == [Published::Stored]).then_some(())
    })
    .await;

    admin.delete_exchange(&prefix).await;
    let gone = publisher.publish(TOPIC, &messages("gone", 100)).await;
    assert_eq!(gone, vec![Published::NotStored(PublishFault::Unreachable); 100]);
    assert_eq!(publisher.publish(TOPIC, &[message("3")]).await, [Published::Stored]);
    for id in ["1", "2", "3"] {
        let got = next(&mut *consumer).await;
        assert_eq!(got.id, id);
        got.settle(Settlement::Done);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_deleted_under_its_consumer_is_consumed_again_within_ten_seconds() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    let admin = Admin::connect(&broker.url()).await;
    let mut publisher = queue.publisher();
    // Each takes one message at a time, so both must be there for two to be taken.
    let mut consumers = [queue.consumer(TOPIC, 1), queue.consumer(TOPIC, 1)];
    for round in 0..5 {
        for n in 0..consumers.len() {
            let message = message(&format!("{round}-{n}"));
            eventually("a publish to be stored", async || {
                let published = publisher.publish(TOPIC, std::slice::from_ref(&message)).await;
                (published == [Published::Stored]).then_some(())
            })
            .await;
        }
        let mut held = Vec::new();
        for consumer in &mut consumers {
            held.push(next_within(&mut **consumer, Duration::from_secs(10)).await);
        }
        let got: BTreeSet<String> = held.iter().map(|delivery| delivery.id.clone()).collect();
        assert_eq!(got, BTreeSet::from([format!("{round}-0"), format!("{round}-1")]));
        admin.delete_queue(&format!("{prefix}.{TOPIC}")).await;
        // In hand when their queue goes: settling them says nothing to anybody.
        held.into_iter().for_each(|delivery| delivery.settle(Settlement::Done));
    }
}
