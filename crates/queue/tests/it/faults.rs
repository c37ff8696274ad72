//! RabbitMQ killed, stopped, frozen, short of memory: each test on a broker of its own.

use crate::support::broker::{Broker, prefix};
use crate::support::engine::rabbit;
use crate::support::{
    PATIENCE, answered, depth_becomes, eventually, message, messages, next, store, take_all,
};
use relink_core::wire::Topic;
use relink_queue::rabbitmq::RabbitQueue;
use relink_queue::{DeadReason, PublishFault, Published, Publisher, Queue, Settlement};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const TOPIC: Topic = Topic::Signals;

/// What a publisher says at its worst, with some room for a busy machine.
const PUBLISH_AT_WORST: Duration = Duration::from_secs(16);

async fn stored_again(publisher: &mut dyn Publisher, id: &str) {
    eventually("publishing to work again", async || {
        let published = publisher.publish(TOPIC, &[message(id)]).await;
        (published == [Published::Stored]).then_some(())
    })
    .await;
}

/// What was answered stored.
type Stored = Arc<Mutex<BTreeSet<String>>>;

/// Publishes batches until told to stop.
async fn publish_under_fire(queue: Arc<RabbitQueue>, stored: Stored, stop: CancellationToken) {
    let mut publisher = queue.publisher();
    for round in 0.. {
        let batch = messages(&format!("{round}-"), 60);
        let started = Instant::now();
        let answers = publisher.publish(TOPIC, &batch).await;
        assert!(started.elapsed() < PUBLISH_AT_WORST, "{:?}", started.elapsed());
        stored.lock().unwrap().extend(answered(&batch, &answers, &Published::Stored));
        if stop.is_cancelled() {
            return;
        }
        // A tight loop would only keep the broker from coming up.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until another thousand was stored.
async fn a_thousand_more(stored: &Stored) {
    let before = stored.lock().unwrap().len();
    eventually("a thousand more to be stored", async || {
        (stored.lock().unwrap().len() >= before + 1_000).then_some(())
    })
    .await;
}

/// Takes and settles everything until told to stop; answers every id seen.
async fn consume_under_fire(queue: Arc<RabbitQueue>, stop: CancellationToken) -> BTreeSet<String> {
    let mut consumer = queue.consumer(TOPIC, 20);
    let mut seen = BTreeSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return seen,
            delivery = consumer.next() => {
                seen.insert(delivery.id.clone());
                delivery.settle(Settlement::Done);
            }
        }
    }
}

/// One life under fire: what `fault` does to the broker must lose nothing that was stored.
async fn nothing_stored_is_lost(broker: Broker, fault: impl AsyncFnOnce(Broker) -> Broker) {
    let prefix = prefix();
    let queue = Arc::new(rabbit(&[broker.url()], &prefix));
    let (stop_publishing, stop_consuming) = (CancellationToken::new(), CancellationToken::new());
    let stored = Stored::default();
    let publishing =
        publish_under_fire(Arc::clone(&queue), Arc::clone(&stored), stop_publishing.clone());
    let publishing = tokio::spawn(publishing);
    let consuming = tokio::spawn(consume_under_fire(Arc::clone(&queue), stop_consuming.clone()));
    // A part of it stays in the queue over the fault: this one takes and never settles.
    let mut holding = queue.consumer(TOPIC, 30);
    let held = next(&mut *holding).await;

    a_thousand_more(&stored).await;
    let broker = fault(broker).await;
    a_thousand_more(&stored).await;
    stop_publishing.cancel();
    publishing.await.unwrap();
    let stored = stored.lock().unwrap().clone();
    drop((held, holding));
    depth_becomes(&*queue, TOPIC, 0).await;
    stop_consuming.cancel();
    let mut seen = consuming.await.unwrap();
    // Whatever came between its last look and its end was given back.
    store(&*queue, TOPIC, &[message("last")]).await;
    let mut last = queue.consumer(TOPIC, 20);
    seen.extend(take_all(&mut *last, &BTreeSet::from(["last".to_owned()])).await);
    let lost: Vec<&String> = stored.difference(&seen).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), stored.len());
    assert_eq!(queue.dead_letters().count().await.unwrap(), 0);
    drop(broker);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_minus_nine_of_the_broker_loses_nothing_stored() {
    nothing_stored_is_lost(Broker::private().await, async |mut broker| {
        broker.kill().await;
        broker.restart().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_and_starting_the_broker_loses_nothing_stored() {
    nothing_stored_is_lost(Broker::private().await, async |broker| {
        broker.ctl(&["stop_app"]).await;
        broker.ctl(&["start_app"]).await;
        broker
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_all_connections_again_and_again_loses_nothing_stored_and_leaves_none_behind() {
    nothing_stored_is_lost(Broker::private().await, async |broker| {
        for _ in 0..5 {
            broker.ctl(&["close_all_connections", "test"]).await;
        }
        // Publisher, two consumers, control; and one that is being closed or dialled.
        eventually("the connections to be few again", async || {
            let connections = broker.ctl(&["list_connections", "pid", "--no-table-headers"]).await;
            (connections.lines().count() <= 5).then_some(())
        })
        .await;
        broker
    })
    .await;
}

/// What lay ready when the connection broke is taken back with it. Were it still given out, it
/// could not be settled; were it in the way, its redelivery would be given back at once, over and
/// over, until the broker buried it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_busy_while_it_reconnects_loses_and_doubles_nothing() {
    let (broker, prefix) = (Broker::private().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    store(&queue, TOPIC, &messages("", 12)).await;
    let mut consumer = queue.consumer(TOPIC, 6);
    let mut held = vec![next(&mut *consumer).await, next(&mut *consumer).await];
    for _ in 0..2 {
        let before = channel_of_the_consumer(&broker, |_| true).await;
        broker.ctl(&["close_all_connections", "test"]).await;
        channel_of_the_consumer(&broker, |now| now != before).await;
    }
    // Too late: they are out again.
    held.drain(..).for_each(|delivery| delivery.settle(Settlement::Done));

    let wanted: BTreeSet<String> = messages("", 12).into_iter().map(|message| message.id).collect();
    let seen = take_all(&mut *consumer, &wanted).await;
    assert_eq!(seen.len(), 12, "each was given out once on the new connection: {seen:?}");
    depth_becomes(&queue, TOPIC, 0).await;
    assert!(consumer.try_next().is_none());
    assert_eq!(queue.dead_letters().count().await.unwrap(), 0);
}

async fn channel_of_the_consumer(broker: &Broker, wanted: impl Fn(&str) -> bool) -> String {
    eventually("the consumer to subscribe", async || {
        let columns = ["list_consumers", "channel_pid", "--no-table-headers"];
        let consumers = broker.ctl(&columns).await;
        Some(consumers.trim().to_owned()).filter(|pid| !pid.is_empty() && wanted(pid))
    })
    .await
}

async fn connections(broker: &Broker) -> usize {
    broker.ctl(&["list_connections", "pid", "--no-table-headers"]).await.lines().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_alarm_is_said_promptly_and_consuming_goes_on() {
    let (broker, prefix) = (Broker::private().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    store(&queue, TOPIC, &messages("", 50)).await;
    let mut publisher = queue.publisher();
    stored_again(&mut *publisher, "before").await;
    let mut consumer = queue.consumer(TOPIC, 5);
    let first = next(&mut *consumer).await;

    broker.ctl(&["set_vm_memory_high_watermark", "0"]).await;
    eventually("the alarm to be said", async || {
        let started = Instant::now();
        let published = publisher.publish(TOPIC, &messages("alarm", 100)).await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        let blocked = |answer: &Published| {
            matches!(answer, Published::NotStored(PublishFault::Blocked(why)) if !why.is_empty())
        };
        published.iter().all(blocked).then_some(())
    })
    .await;
    let open = connections(&broker).await;
    for _ in 0..20 {
        let started = Instant::now();
        let published = publisher.publish(TOPIC, &[message("still")]).await;
        assert!(matches!(&published[..], [Published::NotStored(PublishFault::Blocked(_))]));
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }
    assert!(connections(&broker).await <= open, "each try left a connection behind");
    assert_eq!(queue.dead_letters().count().await.unwrap(), 0, "control goes on");

    first.settle(Settlement::Done);
    let rest: BTreeSet<String> =
        messages("", 50).into_iter().skip(1).map(|message| message.id).collect();
    take_all(&mut *consumer, &rest).await;
    what_cannot_be_buried_stays_in_hand(&broker, &queue, &mut *publisher, &mut *consumer).await;
}

async fn what_cannot_be_buried_stays_in_hand(
    broker: &Broker,
    queue: &RabbitQueue,
    publisher: &mut dyn Publisher,
    consumer: &mut dyn relink_queue::Consumer,
) {
    let poison = eventually("a message to bury", async || {
        let delivery = tokio::time::timeout(Duration::from_millis(50), consumer.next()).await;
        delivery.ok().filter(|delivery| delivery.id == "before")
    })
    .await;
    poison.settle(Settlement::Dead(DeadReason::Malformed));
    broker.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    stored_again(publisher, "after").await;
    let seen = take_all(consumer, &BTreeSet::from(["after".to_owned()])).await;
    assert!(!seen.contains(&"before".to_owned()), "it was given back");
    eventually("everything to be settled", async || {
        let columns = ["list_queues", "messages_unacknowledged", "--no-table-headers"];
        let in_hand = broker.ctl(&columns).await;
        in_hand.lines().all(|count| count.trim() == "0").then_some(())
    })
    .await;
    // The copy that the alarm stopped on its way is stored after it, and is not sent again.
    let letters =
        eventually("the letters", async || queue.dead_letters().list(10).await.ok()).await;
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["malformed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_broker_costs_a_publisher_its_deadline_and_no_more() {
    let (broker, prefix) = (Broker::private().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    let mut publisher = queue.publisher();
    store(&queue, TOPIC, &[message("1")]).await;
    stored_again(&mut *publisher, "2").await;
    let mut consumer = queue.consumer(TOPIC, 5);
    next(&mut *consumer).await.settle(Settlement::Done);

    broker.signal(Signal::STOP);
    let started = Instant::now();
    let batch = messages("frozen", 200);
    let published = publisher.publish(TOPIC, &batch).await;
    assert!(started.elapsed() < PUBLISH_AT_WORST, "{:?}", started.elapsed());
    assert_eq!(published, vec![Published::NotStored(PublishFault::Unreachable); 200]);
    assert_eq!(queue.depth(TOPIC).await, None);
    broker.signal(Signal::CONT);

    let back = Instant::now();
    stored_again(&mut *publisher, "3").await;
    take_all(&mut *consumer, &BTreeSet::from(["3".to_owned()])).await;
    assert!(back.elapsed() < PATIENCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_broker_in_use_dies_the_other_one_takes_over() {
    let (first, second) = tokio::join!(Broker::private(), Broker::private());
    let mut first = first;
    let queue = rabbit(&[first.url(), second.url()], &prefix());
    let (mut publisher, mut consumer) = (queue.publisher(), queue.consumer(TOPIC, 10));
    store(&queue, TOPIC, &[message("before")]).await;
    let before = next(&mut *consumer).await;
    assert_eq!(before.id, "before");
    before.settle(Settlement::Done);

    first.kill().await;
    stored_again(&mut *publisher, "after").await;
    let batch = messages("m", 50);
    let answers = publisher.publish(TOPIC, &batch).await;
    let mut stored = answered(&batch, &answers, &Published::Stored);
    assert_eq!(stored.len(), 50);
    stored.insert("after".to_owned());
    let seen: BTreeSet<String> = take_all(&mut *consumer, &stored).await.into_iter().collect();
    assert!(seen.is_superset(&stored));
    queue.prepare().await.unwrap();

    // Back to a first that has come up again, empty or not, when the second one dies.
    let first = first.restart().await;
    drop(second);
    stored_again(&mut *publisher, "back").await;
    take_all(&mut *consumer, &BTreeSet::from(["back".to_owned()])).await;
    drop(first);
}
