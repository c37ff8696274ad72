//! A worker that is slow keeps its message; one that fell silent loses it.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::notification::NotificationState;
use relink_core::wire::DueMessage;
use relink_queue::Settlement;
use relink_store::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const TEN_MINUTES: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn the_lease_is_renewed_for_as_long_as_the_send_takes() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    sender.then(Act::After(TEN_MINUTES));
    let (delivery, receipt) = delivery(DueMessage::encode(id));
    let begun = Instant::now();
    world.courier(&sender).deliver(delivery, &CancellationToken::new()).await;
    assert_eq!(receipt.end_whenever().await, Some(Settlement::Done));
    // Every third of 120 s, and not once more after the end.
    let renewals: Vec<u64> =
        world.store.asked("renew").iter().map(|at| (*at - begun).as_secs()).collect();
    assert_eq!(renewals, (1..15).map(|n| n * 40).collect::<Vec<_>>());
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_does_not_hold_up_the_send() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    sender.then(Act::After(TEN_MINUTES));
    world.store.fall_silent("renew");
    let (delivery, receipt) = delivery(DueMessage::encode(id));
    let begun = Instant::now();
    world.courier(&sender).deliver(delivery, &CancellationToken::new()).await;
    assert_eq!(receipt.end_whenever().await, Some(Settlement::Done));
    assert_eq!(begun.elapsed(), TEN_MINUTES);
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_nobody_takes_is_given_up_after_ten_minutes_and_is_a_doubt() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    world.store.fail("finish", 10_000, &StoreError::Unavailable("on purpose".into()));
    let (delivery, receipt) = delivery(DueMessage::encode(id));
    let begun = Instant::now();
    world.courier(&sender).deliver(delivery, &CancellationToken::new()).await;
    assert_eq!(receipt.end_whenever().await, Some(Settlement::Done));
    assert!(begun.elapsed() <= TEN_MINUTES, "{:?}", begun.elapsed());
    assert!(begun.elapsed() > TEN_MINUTES - Duration::from_secs(11), "{:?}", begun.elapsed());
    assert_eq!(world.attempts(case).await[0].finished_at, None);
}

#[tokio::test]
async fn a_worker_that_was_overtaken_records_late_and_changes_nothing() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let (slow, quick) = (ScriptedSender::on(Channel::Email), ScriptedSender::on(Channel::Email));
    let go = Arc::new(Notify::new());
    slow.then(Act::When(Arc::clone(&go)));
    let (first, receipt) = delivery(DueMessage::encode(id));
    let courier = world.courier(&slow);
    let sending =
        tokio::spawn(async move { courier.deliver(first, &CancellationToken::new()).await });
    soon("the first send", slow.begun.notified()).await;

    world.advance(Duration::from_secs(121));
    let (second, taken) = delivery(DueMessage::encode(id));
    world.courier(&quick).deliver(second, &CancellationToken::new()).await;
    assert_eq!(taken.end().await, Some(Settlement::Done));
    assert_eq!(quick.orders().len(), 1, "the doubt of the first is on record, and it is resent");
    go.notify_one();
    soon("the first worker's end", sending).await.unwrap();
    assert_eq!(receipt.end().await, Some(Settlement::Done));
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
    assert_eq!(world.attempts(case).await.len(), 2);
}
