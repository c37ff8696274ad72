//! Stop: take no more, finish what is in hand, deadline, leave.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::notification::NotificationState;
use relink_queue::Settlement;
use relink_store::StoreError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_stop_finishes_what_is_in_hand_and_gives_back_the_rest() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let (_, other) = world.due_email("clinic_2").await;
    let sender = ScriptedSender::on(Channel::Email);
    let go = Arc::new(Notify::new());
    sender.then(Act::When(Arc::clone(&go)));
    let (consumer, inlet) = consumer();
    let stop = CancellationToken::new();
    // One place, and it is taken: the stop must be heard all the same.
    let mut courier = world.courier(&sender);
    courier.concurrency = 1;
    let running = tokio::spawn(Arc::new(courier).run(consumer, stop.clone()));
    let (in_hand, waiting) = (inlet.put_due(id), inlet.put_due(other));
    soon("the send", sender.begun.notified()).await;
    stop.cancel();
    until("the consumer's stop", || inlet.stopped.load(Ordering::SeqCst)).await;
    assert!(!running.is_finished());
    go.notify_one();
    assert_eq!(in_hand.end().await, Some(Settlement::Done));
    soon("the courier's end", running).await.unwrap();
    assert_eq!(waiting.end().await, None);
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
    assert_eq!(sender.orders().len(), 1);
}

#[tokio::test]
async fn a_send_that_outlives_the_drain_does_not_hold_up_the_end() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    let never = Arc::new(Notify::new());
    sender.then(Act::When(Arc::clone(&never)));
    let mut courier = world.courier(&sender);
    (courier.concurrency, courier.drain) = (1, Duration::from_millis(50));
    let (consumer, inlet) = consumer();
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::new(courier).run(consumer, stop.clone()));
    let _in_hand = inlet.put_due(id);
    soon("the send", sender.begun.notified()).await;
    stop.cancel();
    soon("the courier's end", running).await.unwrap();
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sending);
}

#[tokio::test]
async fn a_stop_while_the_store_is_down_gives_back_unsent() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    world.store.fail("begin", 1_000_000, &StoreError::Unavailable("on purpose".into()));
    let sender = ScriptedSender::on(Channel::Email);
    let (consumer, inlet) = consumer();
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::new(world.courier(&sender)).run(consumer, stop.clone()));
    let in_hand = inlet.put_due(id);
    until("a first failure", || !world.store.asked("begin").is_empty()).await;
    stop.cancel();
    soon("the courier's end", running).await.unwrap();
    assert_eq!(in_hand.end().await, None);
    assert!(sender.orders().is_empty() && world.attempts(case).await.is_empty());
}
