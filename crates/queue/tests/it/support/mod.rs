//! What the tests stand on: brokers, engines, and bounded waiting.

pub(crate) mod admin;
#[allow(dead_code, reason = "the tests of the whole system use the rest")]
pub(crate) mod broker;
pub(crate) mod engine;
#[allow(dead_code, reason = "the tests of the whole system use the rest")]
pub(crate) mod node;

use bytes::Bytes;
use relink_core::wire::Topic;
use relink_queue::{Consumer, Delivery, OutMessage, Published, Queue, Settlement};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The longest wait for anything; a loaded machine boots a broker in less.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Asks until the answer is there, and panics with what was missing.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn message(id: &str) -> OutMessage {
    OutMessage { id: id.to_owned(), body: Bytes::from(format!("body of {id}")), trace: None }
}

pub(crate) fn messages(prefix: &str, count: usize) -> Vec<OutMessage> {
    (0..count).map(|n| message(&format!("{prefix}{n:05}"))).collect()
}

/// Publishes and insists that everything is stored.
pub(crate) async fn store(queue: &dyn Queue, topic: Topic, batch: &[OutMessage]) {
    let published = queue.publisher().publish(topic, batch).await;
    assert_eq!(published, vec![Published::Stored; batch.len()]);
}

/// The ids of a batch that were answered so.
pub(crate) fn answered(
    batch: &[OutMessage],
    answers: &[Published],
    wanted: &Published,
) -> BTreeSet<String> {
    assert_eq!(batch.len(), answers.len());
    let pairs = batch.iter().zip(answers);
    pairs.filter(|(_, answer)| *answer == wanted).map(|(message, _)| message.id.clone()).collect()
}

/// The next delivery; panics when none comes.
pub(crate) async fn next(consumer: &mut dyn Consumer) -> Delivery {
    next_within(consumer, PATIENCE).await
}

pub(crate) async fn next_within(consumer: &mut dyn Consumer, limit: Duration) -> Delivery {
    let next = tokio::time::timeout(limit, consumer.next()).await;
    next.unwrap_or_else(|_| panic!("no delivery within {limit:?}"))
}

/// Takes and settles messages until every one of `wanted` was seen; answers every id seen, in
/// order, repeats included.
pub(crate) async fn take_all(
    consumer: &mut dyn Consumer,
    wanted: &BTreeSet<String>,
) -> Vec<String> {
    let (mut missing, mut seen) = (wanted.clone(), Vec::new());
    while !missing.is_empty() {
        let Ok(delivery) = tokio::time::timeout(PATIENCE, consumer.next()).await else {
            panic!("{} of {} never came: {missing:?}", missing.len(), wanted.len());
        };
        missing.remove(&delivery.id);
        seen.push(delivery.id.clone());
        delivery.settle(Settlement::Done);
    }
    seen
}

pub(crate) async fn depth_becomes(queue: &dyn Queue, topic: Topic, wanted: u64) {
    eventually(&format!("{topic} to hold {wanted}"), async || {
        (queue.depth(topic).await == Some(wanted)).then_some(())
    })
    .await;
}
