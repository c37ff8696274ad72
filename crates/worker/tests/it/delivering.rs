//! Every outcome leads to its state, its row and its labels; every fault of the store to no
//! blind send.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::case::CloseReason;
use relink_core::notification::NotificationState;
use relink_core::wire::DueMessage;
use relink_queue::{DeadReason, Settlement};
use relink_store::{CaseStore as _, OpenCase, StoreError};
use tokio_util::sync::CancellationToken;

async fn deliver(
    world: &World,
    sender: &std::sync::Arc<ScriptedSender>,
    body: Vec<u8>,
) -> Option<Settlement> {
    let (delivery, receipt) = delivery(body);
    world.courier(sender).deliver(delivery, &CancellationToken::new()).await;
    receipt.end().await
}

fn attempts(outcome: &str, reason: &str) -> String {
    format!(r#"relink_attempts_total{{channel="email",outcome="{outcome}",reason="{reason}"}}"#)
}

fn notifications(state: &str, reason: &str) -> String {
    format!(
        r#"relink_notifications_total{{channel="email",step="first",state="{state}",reason="{reason}"}}"#
    )
}

#[tokio::test]
async fn each_outcome_leads_to_its_state_its_row_and_its_labels() {
    use NotificationState::{Doubtful, Failed, Planned, Sent};
    let busy = Outcome::Deferred { reason: Reason::ProviderBusy, retry_after: None };
    let gone = Outcome::Rejected { reason: Reason::NoSuchRecipient };
    let lost = Outcome::Unknown { reason: Reason::NoAnswer };
    for (outcome, state) in
        [(Outcome::Accepted, Sent), (busy, Planned), (gone, Failed), (lost, Doubtful)]
    {
        let world = World::new().await;
        let (case, id) = world.due_email("clinic_1").await;
        let sender = ScriptedSender::on(Channel::Email);
        sender.then(Act::End(outcome.clone()));
        let end = deliver(&world, &sender, DueMessage::encode(id)).await;
        assert_eq!(end, Some(Settlement::Done));

        let (kind, reason) = (outcome.kind(), outcome.reason());
        assert_eq!(world.stands(case, id).await, (state, Some(reason)));
        let row = &world.attempts(case).await[0];
        assert_eq!((row.outcome, row.reason), (Some(kind), Some(reason)));
        assert_eq!(world.metric(&attempts(kind.as_str(), reason.as_str())), 1.0);
        assert_eq!(world.metric(&notifications(state.as_str(), reason.as_str())), 1.0);
        let accepted = f64::from(u8::from(kind == OutcomeKind::Accepted));
        assert_eq!(world.metric("relink_signal_to_accepted_seconds_count"), accepted);
        let notification = world.notification(case, id).await;
        assert_eq!(notification.due_at > world.now(), matches!(state, Planned | Doubtful));
    }
}

#[tokio::test]
async fn a_recipient_out_of_reach_is_told_over_the_next_channel() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    sender.then(Act::End(Outcome::Rejected { reason: Reason::NoSuchRecipient }));
    deliver(&world, &sender, DueMessage::encode(id)).await;
    let next = world.notification(case, id_of(case, "first", Channel::Sms)).await;
    assert_eq!((next.state, next.due_at), (NotificationState::Planned, world.now()));
}

#[tokio::test]
async fn what_the_gate_stops_is_not_sent_and_counted_with_its_reason() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    world.store.hold_case(case, true).await.unwrap();
    let sender = ScriptedSender::on(Channel::Email);
    let end = deliver(&world, &sender, DueMessage::encode(id)).await;
    assert_eq!(end, Some(Settlement::Done));
    assert_eq!(world.metric(&notifications("planned", "operator_hold")), 1.0);

    world.store.hold_case(case, false).await.unwrap();
    world.advance(DAY + DAY);
    deliver(&world, &sender, DueMessage::encode(id)).await;
    assert_eq!(world.stands(case, id).await, (NotificationState::Skipped, Some(Reason::Late)));
    assert_eq!(world.metric(&notifications("skipped", "late")), 1.0);
    assert!(sender.orders().is_empty());
    assert!(world.attempts(case).await.is_empty());
}

#[tokio::test]
async fn after_a_repair_a_message_under_way_in_the_queue_is_not_sent() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    world.store.close_case(&OpenCase::Id(case), CloseReason::Repaired).await.unwrap();
    let sender = ScriptedSender::on(Channel::Email);
    let end = deliver(&world, &sender, DueMessage::encode(id)).await;
    assert_eq!(end, Some(Settlement::Done));
    assert!(sender.orders().is_empty());
}

#[tokio::test]
async fn the_same_message_twice_is_sent_once() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    for _ in 0..3 {
        let end = deliver(&world, &sender, DueMessage::encode(id)).await;
        assert_eq!(end, Some(Settlement::Done));
    }
    assert_eq!((sender.orders().len(), world.attempts(case).await.len()), (1, 1));
}

#[tokio::test]
async fn junk_is_buried_and_an_unknown_id_is_forgotten() {
    let world = World::new().await;
    let sender = ScriptedSender::on(Channel::Email);
    let end = deliver(&world, &sender, b"junk".to_vec()).await;
    assert_eq!(end, Some(Settlement::Dead(DeadReason::Malformed)));
    let nobodys = "2639c97f-0d8e-56e7-a3f0-48f01b3f9f71".parse().unwrap();
    let end = deliver(&world, &sender, DueMessage::encode(nobodys)).await;
    assert_eq!(end, Some(Settlement::Done));
    assert!(sender.orders().is_empty());
}

#[tokio::test]
async fn an_outage_before_the_send_is_waited_out_and_a_refusal_gives_the_message_back() {
    let world = World::new().await;
    let (_, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    world.store.fail("begin", 1, &StoreError::Refused("on purpose".into()));
    let end = deliver(&world, &sender, DueMessage::encode(id)).await;
    assert_eq!((end, sender.orders().len()), (Some(Settlement::Retry), 0));

    world.store.fail("begin", 3, &StoreError::Unavailable("on purpose".into()));
    let end = deliver(&world, &sender, DueMessage::encode(id)).await;
    assert_eq!((end, sender.orders().len()), (Some(Settlement::Done), 1));
}

#[tokio::test]
async fn an_outcome_is_kept_until_the_store_takes_it() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    world.store.fail("finish", 4, &StoreError::Unavailable("on purpose".into()));
    let end = deliver(&world, &sender, DueMessage::encode(id)).await;
    assert_eq!(end, Some(Settlement::Done));
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
    assert_eq!(sender.orders().len(), 1);
}
