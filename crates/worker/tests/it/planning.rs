//! Signals become cases: what is settled how, and what is counted.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::case::CloseReason;
use relink_core::signal::{Signal, SignalKind};
use relink_core::wire::SignalMessage;
use relink_queue::{DeadReason, Delivery, Settlement};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn in_hand(signals: &[Signal]) -> (Vec<Delivery>, Vec<Receipt>) {
    signals.iter().map(|signal| delivery(SignalMessage::encode(signal))).unzip()
}

async fn ends(receipts: Vec<Receipt>) -> Vec<Option<Settlement>> {
    let mut ends = Vec::new();
    for receipt in receipts {
        ends.push(receipt.end().await);
    }
    ends
}

fn applied(kind: &str, result: &str) -> String {
    format!(r#"relink_signals_applied_total{{kind="{kind}",result="{result}"}}"#)
}

#[tokio::test]
async fn a_batch_is_applied_in_order_and_every_end_is_counted() {
    let world = World::new().await;
    world.register("clinic_1").await;
    let broken = world.signal("e1", "clinic_1", SignalKind::LoginRequired);
    let again = world.signal("e2", "clinic_1", SignalKind::LoginRequired);
    let reused = Signal { digest: "another content".into(), ..broken.clone() };
    let repaired = world.signal("e3", "clinic_1", SignalKind::Repaired);
    let late = world.signal("e4", "clinic_1", SignalKind::LoginRequired);
    let nobody = world.signal("e5", "clinic_2", SignalKind::Repaired);
    let signals = [broken.clone(), broken, again, reused, repaired, late, nobody];

    let (batch, receipts) = in_hand(&signals);
    world.planner().apply(batch, &CancellationToken::new()).await;

    let done = Some(Settlement::Done);
    let dead = Some(Settlement::Dead(DeadReason::IdReused));
    let expected = [&done, &done, &done, &dead, &done, &done, &done].map(Clone::clone);
    assert_eq!(ends(receipts).await, expected);
    assert_eq!(world.store.asked("apply_signals").len(), 1, "one transaction for all");
    for (kind, result) in [
        ("login_required", "opened"),
        ("login_required", "duplicate"),
        ("login_required", "joined"),
        ("login_required", "id_reused"),
        ("repaired", "closed"),
        ("login_required", "stale"),
        ("repaired", "noted"),
    ] {
        assert_eq!(world.metric(&applied(kind, result)), 1.0, "{kind} {result}");
    }
    let case = relink_core::id::CaseId::opened_by(&signals[0].event_id);
    let history = world.history(case).await;
    assert_eq!(history.case.close_reason, Some(CloseReason::Repaired));
    assert_eq!(history.case.signals, 3);
}

#[tokio::test]
async fn what_is_planned_wakes_the_scheduler_and_what_is_not_does_not() {
    let world = World::new().await;
    world.register("clinic_1").await;
    let stop = CancellationToken::new();
    let signal = world.signal("e1", "clinic_1", SignalKind::LoginRequired);
    let (batch, _receipts) = in_hand(std::slice::from_ref(&signal));
    world.planner().apply(batch, &stop).await;
    soon("word of what was planned", world.planned.notified()).await;

    let (batch, receipts) = in_hand(&[signal]);
    world.planner().apply(batch, &stop).await;
    assert_eq!(ends(receipts).await, [Some(Settlement::Done)]);
    // A permit that is there is taken before a budget of no time at all runs out.
    let told = tokio::time::timeout(Duration::ZERO, world.planned.notified()).await;
    assert!(told.is_err(), "a duplicate has woken the scheduler");
}

#[tokio::test]
async fn junk_is_buried_alone_and_does_not_take_good_signals_with_it() {
    let world = World::new().await;
    world.register("clinic_1").await;
    let signal = world.signal("e1", "clinic_1", SignalKind::LoginRequired);
    let (good, applied) = delivery(SignalMessage::encode(&signal));
    let (junk, buried) = delivery(&b"\xff not ours"[..]);
    let (other, misled) = delivery(&br#"{"v":1,"notification_id":"x"}"#[..]);
    world.planner().apply(vec![junk, good, other], &CancellationToken::new()).await;
    let malformed = Some(Settlement::Dead(DeadReason::Malformed));
    assert_eq!(buried.end().await, malformed);
    assert_eq!(misled.end().await, malformed);
    assert_eq!(applied.end().await, Some(Settlement::Done));
}

#[tokio::test(start_paused = true)]
async fn a_newer_releases_message_is_kept_a_while_and_then_given_back() {
    let world = World::new().await;
    let (newer, receipt) = delivery(&br#"{"v":2,"signal":{}}"#[..]);
    let begun = Instant::now();
    world.planner().apply(vec![newer], &CancellationToken::new()).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "the planner itself goes on");
    let end = receipt.end_whenever().await;
    assert_eq!((end, begun.elapsed()), (Some(Settlement::Retry), Duration::from_secs(180)));
}

#[tokio::test]
async fn a_stop_gives_a_newer_releases_message_back_at_once() {
    let world = World::new().await;
    let stop = CancellationToken::new();
    let (newer, receipt) = delivery(&br#"{"v":2,"signal":{}}"#[..]);
    world.planner().apply(vec![newer], &stop).await;
    stop.cancel();
    assert_eq!(receipt.end().await, Some(Settlement::Retry));
}

#[tokio::test]
async fn the_planner_takes_what_is_there_in_batches_and_stops_taking() {
    let world = World::new().await;
    let (consumer, inlet) = consumer();
    let mut receipts = Vec::new();
    for n in 0..250 {
        let signal = world.signal(&format!("e{n}"), "clinic_1", SignalKind::LoginRequired);
        receipts.push(inlet.put(SignalMessage::encode(&signal)));
    }
    let stop = CancellationToken::new();
    let (planner, stopping) = (world.planner(), stop.clone());
    let running = tokio::spawn(async move { planner.run(consumer, stopping).await });
    assert!(ends(receipts).await.iter().all(|end| *end == Some(Settlement::Done)));
    // 250 are three batches of at most 100.
    assert_eq!(world.store.asked("apply_signals").len(), 3);
    stop.cancel();
    soon("the planner's end", running).await.unwrap();
    assert!(inlet.stopped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_signal_for_an_unknown_account_is_held_and_planned_when_the_account_comes() {
    let world = World::new().await;
    let signal = world.signal("e1", "clinic_9", SignalKind::LoginRequired);
    let case = relink_core::id::CaseId::opened_by(&signal.event_id);
    let (batch, receipts) = in_hand(&[signal]);
    world.planner().apply(batch, &CancellationToken::new()).await;
    assert_eq!(ends(receipts).await, [Some(Settlement::Done)]);
    assert!(world.history(case).await.notifications.is_empty());
    world.register("clinic_9").await;
    let first = id_of(case, "first", Channel::Email);
    assert_eq!(world.notification(case, first).await.attempts, 0);
}
