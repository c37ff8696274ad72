//! Cases that nobody answered end, and the numbers on show are true.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::case::CloseReason;
use relink_core::notification::NotificationState;
use relink_core::wire::DueMessage;
use relink_store::{CaseFilter, CaseStore as _, StoreError};
use relink_worker::upkeep::Upkeep;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

fn upkeep(world: &World) -> (Upkeep, Arc<FakeQueue>) {
    let queue = Arc::new(FakeQueue::default());
    let (store, metrics) = (world.shared(), world.metrics.clone());
    (Upkeep { store, queue: Arc::clone(&queue) as _, metrics }, queue)
}

#[tokio::test]
async fn a_case_ends_when_it_expires_and_what_it_planned_with_it() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    let (upkeep, _) = upkeep(&world);
    world.advance(29 * DAY);
    upkeep.round().await.unwrap();
    assert!(world.history(case).await.case.is_open());
    assert_eq!(world.metric("relink_cases_open"), 1.0);

    world.advance(DAY);
    let later = world.open_case("clinic_2").await;
    upkeep.round().await.unwrap();
    let history = world.history(case).await;
    assert_eq!(history.case.close_reason, Some(CloseReason::Expired));
    let cancelled = |state| state == NotificationState::Cancelled;
    assert!(history.notifications.iter().all(|notification| cancelled(notification.state)));
    assert!(world.history(later).await.case.is_open());
    assert_eq!(world.metric("relink_cases_open"), 1.0);
}

#[tokio::test]
async fn more_cases_than_fit_one_batch_expire_in_one_round() {
    let world = World::new().await;
    let signals: Vec<_> = (0..1_100)
        .map(|n| {
            let kind = relink_core::signal::SignalKind::LoginRequired;
            world.signal(&format!("e{n}"), &format!("clinic_{n}"), kind)
        })
        .collect();
    relink_store::SignalStore::apply_signals(&*world.store, &signals).await.unwrap();
    world.advance(30 * DAY);
    let (upkeep, _) = upkeep(&world);
    upkeep.round().await.unwrap();
    let open = CaseFilter { open: Some(true), limit: 1, ..CaseFilter::default() };
    assert!(world.store.cases(&open).await.unwrap().is_empty());
    assert_eq!(world.store.asked("expire_cases").len(), 3);
}

#[tokio::test]
async fn gauges_show_doubts_dead_letters_and_depths_and_keep_what_they_knew() {
    let world = World::new().await;
    let (_, doubtful) = world.due_email("clinic_1").await;
    let (_, dead) = world.due_email("clinic_2").await;
    let sender = ScriptedSender::on(Channel::Email);
    for id in [doubtful, dead] {
        sender.then(Act::End(Outcome::Unknown { reason: Reason::NoAnswer }));
        let (due, _receipt) = delivery(DueMessage::encode(id));
        world.courier(&sender).deliver(due, &CancellationToken::new()).await;
    }
    // The second time without an answer is one too many.
    world.advance(std::time::Duration::from_secs(60));
    sender.then(Act::End(Outcome::Unknown { reason: Reason::NoAnswer }));
    let (due, _receipt) = delivery(DueMessage::encode(dead));
    world.courier(&sender).deliver(due, &CancellationToken::new()).await;

    let (upkeep, queue) = upkeep(&world);
    *queue.depth.lock().unwrap() = Some(7);
    *queue.dead.lock().unwrap() = Some(2);
    upkeep.round().await.unwrap();
    let shown = || {
        ["relink_unknown_open", "relink_dead_letters", "relink_sends_after_repair_total"]
            .map(|gauge| world.metric(gauge))
    };
    assert_eq!(shown(), [1.0, 3.0, 0.0]);
    for topic in ["signals", "send.email", "send.sms"] {
        assert_eq!(world.metric(&format!(r#"relink_queue_depth{{queue="{topic}"}}"#)), 7.0);
    }

    // A broker out of reach does not make its dead letters disappear.
    *queue.depth.lock().unwrap() = None;
    *queue.dead.lock().unwrap() = None;
    upkeep.round().await.unwrap();
    assert_eq!(shown(), [1.0, 3.0, 0.0]);
    assert_eq!(world.metric(r#"relink_queue_depth{queue="signals"}"#), 7.0);
}

#[tokio::test(start_paused = true)]
async fn a_round_that_fails_is_made_up_for_by_the_next() {
    let world = World::new().await;
    let case = world.open_case("clinic_1").await;
    world.advance(30 * DAY);
    world.store.fail("expire_cases", 2, &StoreError::Unavailable("on purpose".into()));
    let (upkeep, _) = upkeep(&world);
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let running = tokio::spawn(async move { upkeep.run(stopping).await });
    until("a whole round", || !world.store.asked("stats").is_empty()).await;
    assert_eq!(world.history(case).await.case.close_reason, Some(CloseReason::Expired));
    assert_eq!(world.store.asked("expire_cases").len(), 3);
    stop.cancel();
    soon("the end of upkeep", running).await.unwrap();
}
