//! Letters that a worker replays by itself: back in their topics with a mark that outlives the next
//! death, each once however many look, and the others as they were.

use crate::support::admin::Admin;
use crate::support::broker::{Broker, prefix};
use crate::support::engine::rabbit;
use crate::support::{depth_becomes, eventually, messages, next, store, take_all};
use lapin::options::{BasicGetOptions, BasicNackOptions};
use relink_core::wire::Topic;
use relink_queue::rabbitmq::RabbitQueue;
use relink_queue::{DeadLetter, DeadReason, Queue, Settlement};
use std::collections::BTreeSet;

const TOPIC: Topic = Topic::Signals;

/// The shared broker and a prefix, for clients of which each stands for a process.
struct Place {
    broker: Broker,
    prefix: String,
}

impl Place {
    async fn new() -> Self {
        Self { broker: Broker::any().await, prefix: prefix() }
    }

    fn client(&self) -> RabbitQueue {
        rabbit(&[self.broker.url()], &self.prefix)
    }

    /// Has the one message that waits given out until the broker buries it.
    async fn wear_out(&self, queue: &RabbitQueue) {
        let admin = Admin::connect(&self.broker.url()).await;
        let name = format!("{}.{TOPIC}", self.prefix);
        eventually("the broker to bury it", async || {
            let none = BasicGetOptions::default();
            let got = admin.channel.basic_get(name.as_str().into(), none).await.unwrap();
            let Some(got) = got else {
                return (queue.dead_letters().count().await.unwrap() == 1).then_some(());
            };
            let again = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            got.delivery.acker.nack(again).await.unwrap();
            None
        })
        .await;
    }
}

async fn letters(queue: &RabbitQueue) -> Vec<DeadLetter> {
    queue.dead_letters().list(usize::MAX).await.unwrap()
}

async fn count_becomes(queue: &RabbitQueue, wanted: u64) {
    eventually(&format!("{wanted} dead letters"), async || {
        (queue.dead_letters().count().await.unwrap() == wanted).then_some(())
    })
    .await;
}

/// Buries messages under a reason of our own.
async fn bury(queue: &RabbitQueue, prefix: &str, count: usize, reason: DeadReason) {
    let before = queue.dead_letters().count().await.unwrap();
    let batch = messages(prefix, count);
    store(queue, TOPIC, &batch).await;
    let mut consumer = queue.consumer(TOPIC, 1);
    for wanted in before + 1..=before + batch.len() as u64 {
        next(&mut *consumer).await.settle(Settlement::Dead(reason));
        count_becomes(queue, wanted).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_copy_is_told_apart_when_the_broker_buries_it_again() {
    let place = Place::new().await;
    let queue = place.client();
    queue.prepare().await.unwrap();
    for auto_replayed in [false, true] {
        if !auto_replayed {
            store(&queue, TOPIC, &messages("", 1)).await;
        }
        place.wear_out(&queue).await;
        let letter = letters(&queue).await.remove(0);
        assert_eq!((&letter.reason[..], letter.topic), ("delivery_limit", Some(TOPIC)));
        assert!(letter.died_at.is_some());
        assert_eq!(letter.auto_replayed, auto_replayed);
        let replayed = queue.auto_replay().auto_replay(std::slice::from_ref(&letter.id)).await;
        assert_eq!(replayed.unwrap(), [letter.id]);
        depth_becomes(&queue, TOPIC, 1).await;
        count_becomes(&queue, 0).await;
    }
    let back = next(&mut *queue.consumer(TOPIC, 1)).await;
    assert_eq!((&back.id[..], &back.body[..]), ("00000", &b"body of 00000"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_replay_keeps_the_mark() {
    let place = Place::new().await;
    let queue = place.client();
    queue.prepare().await.unwrap();
    store(&queue, TOPIC, &messages("", 1)).await;
    for marked in [false, true, true] {
        place.wear_out(&queue).await;
        let letter = letters(&queue).await.remove(0);
        assert_eq!(letter.auto_replayed, marked);
        match marked {
            false => drop(queue.auto_replay().auto_replay(&[letter.id]).await.unwrap()),
            true => queue.dead_letters().replay(&letter.id).await.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_are_not_replayed_keep_their_place() {
    let place = Place::new().await;
    let queue = place.client();
    bury(&queue, "", 6, DeadReason::DeliveryLimit).await;
    let all: Vec<String> = letters(&queue).await.into_iter().map(|letter| letter.id).collect();
    let wanted = [all[1].clone(), "gone meanwhile".to_owned(), all[4].clone()];
    for _ in 0..3 {
        queue.auto_replay().auto_replay(&["nothing".to_owned()]).await.unwrap();
    }
    let replayed = queue.auto_replay().auto_replay(&wanted).await.unwrap();
    assert_eq!(replayed, [all[1].clone(), all[4].clone()]);
    let left = letters(&queue).await;
    let left: Vec<&str> = left.iter().map(|letter| &letter.message_id[..]).collect();
    assert_eq!(left, ["00000", "00002", "00003", "00005"]);
    let back: BTreeSet<String> = ["00001", "00004"].map(str::to_owned).into();
    assert_eq!(take_all(&mut *queue.consumer(TOPIC, 5), &back).await, ["00001", "00004"]);
}

/// What one has in hand another does not see: without taking turns some would miss letters, and
/// call a letter that is there unknown.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_look_at_once_each_sees_all_and_one_replays() {
    let place = Place::new().await;
    let queue = place.client();
    bury(&queue, "", 8, DeadReason::DeliveryLimit).await;
    let all: Vec<String> = letters(&queue).await.into_iter().map(|letter| letter.id).collect();
    let mut looks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let client = place.client();
        looks.spawn(async move { letters(&client).await.len() });
    }
    assert_eq!(looks.join_all().await, [8; 4]);
    let mut replays = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (client, all) = (place.client(), all.clone());
        replays.spawn(async move { client.auto_replay().auto_replay(&all).await.unwrap().len() });
    }
    let mut replayed = replays.join_all().await;
    replayed.sort_unstable();
    assert_eq!(replayed, [0, 0, 0, 8]);
    count_becomes(&queue, 0).await;
    depth_becomes(&queue, TOPIC, 8).await;
}
