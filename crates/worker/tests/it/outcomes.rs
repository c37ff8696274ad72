//! The store fails between a send and its record: the outcome is on the disk, and comes on record
//! before anybody can take the attempt for a doubt.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::id::{CaseId, NotificationId, WorkerId};
use relink_core::notification::NotificationState;
use relink_core::seal::{KEY_LEN, SealKey};
use relink_core::wire::DueMessage;
use relink_queue::Settlement;
use relink_queue::log::LogError;
use relink_store::{Begin, BeginRequest, DeliveryStore as _, StoreError};
use relink_worker::outcomes::Outcomes;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const FOR_LONG: usize = 1_000_000;
const LEASE: Duration = Duration::from_secs(120);

fn down() -> StoreError {
    StoreError::Unavailable("on purpose".into())
}

/// Sends one email whose outcome the store does not take.
async fn keep_one(world: &World, outcomes: &Arc<Outcomes>, act: Act) -> (CaseId, NotificationId) {
    keep_one_while(world, outcomes, act, &down()).await
}

async fn keep_one_while(
    world: &World,
    outcomes: &Arc<Outcomes>,
    act: Act,
    fault: &StoreError,
) -> (CaseId, NotificationId) {
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    sender.then(act);
    world.store.fail("finish", FOR_LONG, fault);
    let mut courier = world.courier(&sender);
    courier.outcomes = Some(Arc::clone(outcomes));
    let (in_hand, receipt) = delivery(DueMessage::encode(id));
    // The log has a thread of its own.
    let _still = stand_still();
    soon("the delivery", courier.deliver(in_hand, &CancellationToken::new())).await;
    assert_eq!(receipt.end().await, Some(Settlement::Done), "the place is free again");
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sending);
    (case, id)
}

async fn on_record(world: &World, case: CaseId, id: NotificationId) {
    for _ in 0..30_000 {
        if world.stands(case, id).await.0 != NotificationState::Sending {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the outcome does not come on record");
}

#[tokio::test]
async fn it_is_replayed_while_running_once_the_store_is_back_and_before_any_new_attempt() {
    let world = World::new().await;
    let outcomes = world.outcomes();
    let _running = world.replay(&outcomes);
    let (case, id) = keep_one(&world, &outcomes, Act::End(Outcome::Accepted)).await;

    // Its lease is over and it comes again, in the same process: first the outcome, then the gate.
    world.advance(LEASE + Duration::from_secs(1));
    let sender = ScriptedSender::on(Channel::Email);
    let mut courier = world.courier(&sender);
    courier.outcomes = Some(Arc::clone(&outcomes));
    let (again, receipt) = delivery(DueMessage::encode(id));
    let stop = CancellationToken::new();
    let delivering = tokio::spawn(async move { courier.deliver(again, &stop).await });
    let begun = world.store.asked("begin").len();
    until("more tries at the store", || world.store.asked("finish").len() >= 4).await;
    assert_eq!(world.store.asked("begin").len(), begun, "nothing is begun meanwhile");

    world.store.recover("finish");
    soon("the second delivery", delivering).await.unwrap();
    assert_eq!(receipt.end().await, Some(Settlement::Done));
    assert!(sender.orders().is_empty(), "sent again");
    let sent = (NotificationState::Sent, Some(Reason::Accepted));
    assert_eq!(world.stands(case, id).await, sent);
    let row = &world.attempts(case).await[0];
    assert_eq!(row.outcome, Some(OutcomeKind::Accepted));
    assert_eq!(row.provider_message_id.as_deref(), Some("provider-1"));
    let line = r#"relink_notifications_total{channel="email",step="first",state="sent",reason="accepted"}"#;
    assert_eq!(world.metric(line), 1.0);
    assert_eq!(world.metric("relink_signal_to_accepted_seconds_count"), 1.0);
}

#[tokio::test]
async fn it_is_replayed_at_the_next_start_and_a_deferral_keeps_its_wish() {
    let world = World::new().await;
    let outcomes = world.outcomes();
    let running = world.replay(&outcomes);
    let busy = Outcome::Deferred {
        reason: Reason::ProviderBusy,
        retry_after: Some(Duration::from_secs(900)),
    };
    let (case, id) = keep_one(&world, &outcomes, Act::End(busy)).await;
    running.end().await;
    drop(outcomes);
    world.store.recover("finish");
    let _running = world.replay(&world.outcomes());
    on_record(&world, case, id).await;
    let notification = world.notification(case, id).await;
    let planned = (NotificationState::Planned, Some(Reason::ProviderBusy));
    assert_eq!((notification.state, notification.reason), planned);
    assert!(notification.due_at >= world.now() + Duration::from_secs(900));
}

#[tokio::test]
async fn what_a_process_left_in_another_place_is_replayed_too_and_places_are_not_shared() {
    let world = World::new().await;
    let (first, second) = (world.outcomes(), world.outcomes());
    let running = world.replay(&second);
    let (case, id) = keep_one(&world, &second, Act::End(Outcome::Accepted)).await;
    running.end().await;
    drop((first, second));
    world.store.recover("finish");
    let third = world.outcomes();
    let _running = world.replay(&third);
    on_record(&world, case, id).await;
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
}

#[tokio::test]
async fn a_replay_that_comes_late_is_kept_on_its_attempt() {
    let world = World::new().await;
    let outcomes = world.outcomes();
    let running = world.replay(&outcomes);
    let (case, id) = keep_one(&world, &outcomes, Act::End(Outcome::Accepted)).await;
    running.end().await;
    drop(outcomes);
    world.store.recover("finish");
    // Another host takes over after the lease, and is sending just now.
    world.advance(LEASE + Duration::from_secs(1));
    let request = BeginRequest {
        notification_id: id,
        worker: WorkerId::parse("other/1").unwrap(),
        lease: LEASE,
    };
    let begun = world.store.begin(&[request]).await.unwrap();
    assert!(matches!(begun[0], Begin::Send(_)));
    let _running = world.replay(&world.outcomes());
    for _ in 0..30_000 {
        if world.attempts(case).await[0].resolved_as.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rows = world.attempts(case).await;
    assert_eq!(
        (rows[0].outcome, rows[0].reason),
        (Some(OutcomeKind::Unknown), Some(Reason::Crashed))
    );
    assert_eq!(rows[0].resolved_as, Some(OutcomeKind::Accepted));
    assert_eq!(rows[1].outcome, None, "the other worker's attempt is its own");
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_the_store_refuses_stays_on_the_disk_and_is_tried_again() {
    let world = World::new().await;
    let outcomes = world.outcomes();
    let _running = world.replay(&outcomes);
    let refused = StoreError::Refused("on purpose".into());
    let (case, id) = keep_one_while(&world, &outcomes, Act::End(Outcome::Accepted), &refused).await;
    until("the refusal of a replay", || world.metric("relink_outcomes_kept") == 1.0).await;
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sending);

    // Others do not wait for it.
    let (_, other) = world.due_email("clinic_2").await;
    let sender = ScriptedSender::on(Channel::Email);
    let mut courier = world.courier(&sender);
    courier.outcomes = Some(Arc::clone(&outcomes));
    let (in_hand, _receipt) = delivery(DueMessage::encode(other));
    world.store.recover("finish");
    soon("another delivery", courier.deliver(in_hand, &CancellationToken::new())).await;
    assert_eq!(sender.orders().len(), 1);

    // Mended, it comes on record by itself.
    until("nothing kept", || world.metric("relink_outcomes_kept") == 0.0).await;
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
}

#[tokio::test]
async fn an_outcome_that_the_store_refuses_is_there_for_the_next_process() {
    let world = World::new().await;
    let outcomes = world.outcomes();
    let running = world.replay(&outcomes);
    let refused = StoreError::Refused("on purpose".into());
    let (case, id) = keep_one_while(&world, &outcomes, Act::End(Outcome::Accepted), &refused).await;
    until("the refusal of a replay", || world.metric("relink_outcomes_kept") == 1.0).await;
    running.end().await;
    drop(outcomes);
    world.store.recover("finish");
    let _running = world.replay(&world.outcomes());
    on_record(&world, case, id).await;
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
}

#[tokio::test]
async fn an_outcome_of_what_is_not_on_record_is_forgotten() {
    let world = World::new().await;
    let outcomes = world.outcomes();
    let running = world.replay(&outcomes);
    let (_, id) = keep_one(&world, &outcomes, Act::End(Outcome::Accepted)).await;
    running.end().await;
    drop(outcomes);
    world.store.recover("finish");
    // The database is another one, or the case was purged meanwhile.
    let elsewhere = World::beside(&world).await;
    let outcomes = elsewhere.outcomes();
    let running = elsewhere.replay(&outcomes);
    until("the replay", || elsewhere.store.asked("finish").len() == 1).await;
    let (_, other) = elsewhere.due_email("clinic_2").await;
    assert_ne!(other, id);
    let sender = ScriptedSender::on(Channel::Email);
    let mut courier = elsewhere.courier(&sender);
    courier.outcomes = Some(Arc::clone(&outcomes));
    let (in_hand, _receipt) = delivery(DueMessage::encode(other));
    soon("a delivery", courier.deliver(in_hand, &CancellationToken::new())).await;
    running.end().await;
    drop((courier, outcomes));
    assert_eq!(elsewhere.metric("relink_outcomes_kept"), 0.0);
    let asked = elsewhere.store.asked("finish").len();
    let outcomes = elsewhere.outcomes();
    let running = elsewhere.replay(&outcomes);
    let (in_hand, _receipt) = delivery(DueMessage::encode(other));
    let mut courier = elsewhere.courier(&sender);
    courier.outcomes = Some(Arc::clone(&outcomes));
    soon("a delivery", courier.deliver(in_hand, &CancellationToken::new())).await;
    running.end().await;
    assert_eq!(elsewhere.store.asked("finish").len(), asked, "nothing was left to replay");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_store_that_is_away() {
    let world = World::new().await;
    let outcomes = world.outcomes();
    let running = world.replay(&outcomes);
    let (_, id) = keep_one(&world, &outcomes, Act::End(Outcome::Accepted)).await;
    let sender = ScriptedSender::on(Channel::Email);
    let mut courier = world.courier(&sender);
    courier.outcomes = Some(outcomes);
    let (again, receipt) = delivery(DueMessage::encode(id));
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let delivering = tokio::spawn(async move { courier.deliver(again, &stopping).await });
    until("a try of the replay", || world.store.asked("finish").len() >= 2).await;
    stop.cancel();
    running.end().await;
    soon("the end", delivering).await.unwrap();
    assert_eq!(receipt.end().await, None);
}

/// What is there is worth a message: nothing may begin beside it under a key that cannot read it.
#[tokio::test]
async fn under_another_key_no_worker_starts_and_the_old_key_has_all_back() {
    let world = World::new().await;
    let outcomes = world.outcomes();
    let running = world.replay(&outcomes);
    let (case, id) = keep_one(&world, &outcomes, Act::End(Outcome::Accepted)).await;
    running.end().await;
    drop(outcomes);
    let other = SealKey::from_bytes("spool", &[8; KEY_LEN]).unwrap();
    let refused = Outcomes::open(&world.folder.path().join("outcomes"), other).unwrap_err();
    assert!(matches!(refused, LogError::WrongKey { .. }), "{refused}");
    world.store.recover("finish");
    let _running = world.replay(&world.outcomes());
    on_record(&world, case, id).await;
    assert_eq!(world.stands(case, id).await, (NotificationState::Sent, Some(Reason::Accepted)));
}
