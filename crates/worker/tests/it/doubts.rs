//! Nobody knows whether it went out: never retried blindly, looked up where there is a list.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::id::NotificationId;
use relink_core::notification::NotificationState;
use relink_core::sender::LookUp;
use relink_core::wire::DueMessage;
use relink_queue::Settlement;
use relink_store::StoreError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const MINUTE: Duration = Duration::from_secs(60);

async fn deliver(world: &World, sender: &Arc<ScriptedSender>, id: NotificationId) {
    let (delivery, receipt) = delivery(DueMessage::encode(id));
    world.courier(sender).deliver(delivery, &CancellationToken::new()).await;
    assert_eq!(receipt.end().await, Some(Settlement::Done));
}

#[tokio::test]
async fn a_text_without_an_answer_is_looked_for_and_found() {
    let world = World::new().await;
    let (case, id) = world.due_sms("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Sms);
    sender.then(Act::End(Outcome::Unknown { reason: Reason::NoAnswer }));
    let begun = world.now();
    deliver(&world, &sender, id).await;
    assert_eq!(world.stands(case, id).await.0, NotificationState::Doubtful);
    // Too early: nothing happens.
    deliver(&world, &sender, id).await;
    assert!(sender.looks().is_empty());

    world.advance(MINUTE);
    sender.then_shows(LookUp::Found { provider_message_id: "SM1".into() });
    deliver(&world, &sender, id).await;
    let (sent, looked) = (&sender.orders()[0], &sender.looks()[0]);
    assert_eq!((&looked.0.link, looked.1), (&sent.link, begun));
    let found = (NotificationState::Sent, Some(Reason::FoundByLookUp));
    assert_eq!(world.stands(case, id).await, found);
    let row = &world.attempts(case).await[0];
    assert_eq!(row.outcome, Some(OutcomeKind::Unknown), "what was known then stays");
    assert_eq!(row.resolved_as, Some(OutcomeKind::Accepted));
    assert_eq!(sender.orders().len(), 1);
    let line = r#"relink_notifications_total{channel="sms",step="nudge",state="sent",reason="found_by_look_up"}"#;
    assert_eq!(world.metric(line), 1.0);
}

#[tokio::test]
async fn a_text_is_sent_again_only_after_two_looks_have_missed_it() {
    let world = World::new().await;
    let (case, id) = world.due_sms("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Sms);
    sender.then(Act::End(Outcome::Unknown { reason: Reason::ConnectionLost }));
    deliver(&world, &sender, id).await;
    // A list that cannot be read proves nothing, however often.
    for shows in [
        LookUp::Unavailable { reason: Reason::ProviderError },
        LookUp::Absent,
        LookUp::Unavailable { reason: Reason::ProviderBusy },
        LookUp::Absent,
    ] {
        assert_eq!(sender.orders().len(), 1);
        world.advance(MINUTE);
        sender.then_shows(shows);
        deliver(&world, &sender, id).await;
    }
    assert_eq!(world.stands(case, id).await.0, NotificationState::Planned);
    deliver(&world, &sender, id).await;
    let orders = sender.orders();
    assert_eq!(orders.len(), 2);
    assert_eq!(orders[0].link, orders[1].link);
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
}

#[tokio::test]
async fn what_a_look_up_showed_is_kept_until_the_store_takes_it() {
    let world = World::new().await;
    let (case, id) = world.due_sms("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Sms);
    sender.then(Act::End(Outcome::Unknown { reason: Reason::NoAnswer }));
    deliver(&world, &sender, id).await;
    world.advance(MINUTE);
    sender.then_shows(LookUp::Found { provider_message_id: "SM1".into() });
    world.store.fail("finish_look_up", 3, &StoreError::Unavailable("on purpose".into()));
    deliver(&world, &sender, id).await;
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
}

#[tokio::test]
async fn a_panic_ends_one_attempt_as_crashed_and_a_second_one_the_notification() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let (_, next) = world.due_email("clinic_2").await;
    let sender = ScriptedSender::on(Channel::Email);
    sender.then(Act::Panic);
    let mut courier = world.courier(&sender);
    courier.concurrency = 1;
    let (consumer, inlet) = consumer();
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::new(courier).run(consumer, stop.clone()));
    let (broken, good) = (inlet.put_due(id), inlet.put_due(next));
    assert_eq!(broken.end().await, Some(Settlement::Done));
    assert_eq!(good.end().await, Some(Settlement::Done), "the place is free again");
    stop.cancel();
    soon("the courier's end", running).await.unwrap();
    assert!(inlet.stopped.load(Ordering::SeqCst));

    let crashed = (Some(OutcomeKind::Unknown), Some(Reason::Crashed));
    let row = &world.attempts(case).await[0];
    assert_eq!((row.outcome, row.reason), crashed);
    assert_eq!(world.stands(case, id).await.0, NotificationState::Doubtful);
    // Not at once, and then the same message, should both arrive.
    deliver(&world, &sender, id).await;
    assert_eq!(sender.orders().len(), 2);
    world.advance(MINUTE);
    sender.then(Act::Panic);
    deliver(&world, &sender, id).await;
    let orders = sender.orders();
    assert_eq!(orders[0].notification_id, orders[2].notification_id);
    assert_eq!(orders[0].link, orders[2].link);
    let row = &world.attempts(case).await[1];
    assert_eq!((row.outcome, row.reason), crashed);
    let dead = (NotificationState::Dead, Some(Reason::InDoubt));
    assert_eq!(world.stands(case, id).await, dead);
}

#[tokio::test]
async fn an_attempt_whose_worker_is_gone_is_in_doubt_once_its_lease_is_over() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    sender.then(Act::When(Arc::default()));
    let courier = world.courier(&sender);
    let (in_hand, receipt) = delivery(DueMessage::encode(id));
    let gone = tokio::spawn(async move {
        courier.deliver(in_hand, &CancellationToken::new()).await;
    });
    soon("the send", sender.begun.notified()).await;
    gone.abort();
    assert_eq!(receipt.end().await, None);
    assert_eq!(world.attempts(case).await[0].finished_at, None);
    // The queue gives it out again at once: nothing happens before the lease is over.
    deliver(&world, &sender, id).await;
    assert_eq!(sender.orders().len(), 1);
    world.advance(Duration::from_secs(121));
    deliver(&world, &sender, id).await;
    let rows = world.attempts(case).await;
    let crashed = (Some(OutcomeKind::Unknown), Some(Reason::Crashed));
    assert_eq!((rows[0].outcome, rows[0].reason), crashed);
    assert_eq!(rows[1].outcome, Some(OutcomeKind::Accepted));
}

#[tokio::test]
async fn an_outcome_that_the_store_refuses_is_a_doubt_and_not_a_second_send() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    world.store.fail("finish", 1, &StoreError::Refused("on purpose".into()));
    deliver(&world, &sender, id).await;
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sending);
    deliver(&world, &sender, id).await;
    assert_eq!(sender.orders().len(), 1);
}
