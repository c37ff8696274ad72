//! What operators do with what needs them, and the numbers they watch.

use crate::on_both;
use crate::world::{DAY, LEASE, MINUTE, World, account_ref, unknown};
use NotificationState::{Cancelled, Dead, Planned, Sent, Skipped};
use relink_core::attempt::{Outcome, Reason};
use relink_core::case::CloseReason;
use relink_core::id::NotificationId;
use relink_core::notification::{NonSend, NotificationState};
use relink_store::{OpenCase, StoreStats};

/// An email in doubt twice.
async fn dead(world: &World, account: &str) -> (relink_core::id::CaseId, NotificationId) {
    let (case, id) = world.due_email(account).await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    world.advance(MINUTE);
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    assert_eq!(world.stands(case, id).await.0, Dead);
    (case, id)
}

async fn the_dead_are_listed_and_can_be_put_back(world: World) {
    let (case, id) = dead(&world, "acc").await;
    world.advance(MINUTE);
    let (_, other) = dead(&world, "other").await;
    let listed = world.store.dead_notifications(10).await.unwrap();
    assert_eq!(listed.iter().map(|n| n.id).collect::<Vec<_>>(), [id, other]);
    assert_eq!(world.store.dead_notifications(1).await.unwrap().len(), 1);

    assert!(world.store.replay_notification(id).await.unwrap());
    assert!(!world.store.replay_notification(id).await.unwrap());
    let back = world.notification(case, id).await;
    assert_eq!((back.state, back.reason), (Planned, Some(Reason::OperatorReplay)));
    assert_eq!((back.due_at, back.spent, back.doubts), (world.now(), 0, 0));
    let history = world.history(case).await;
    let last = history.non_sends.last().unwrap();
    assert_eq!((last.decision, last.reason), (NonSend::Replayed, Reason::OperatorReplay));
    assert!(world.claim().await.iter().any(|due| due.notification_id == id));
    let open = world.send(id).await;
    assert_eq!(open.number, 3);
    world.finish(&open, Outcome::Accepted).await;
    assert_eq!(world.stands(case, id).await.0, Sent);
    let listed = world.store.dead_notifications(10).await.unwrap();
    assert_eq!(listed.iter().map(|n| n.id).collect::<Vec<_>>(), [other]);
    assert!(!world.store.replay_notification(id).await.unwrap());
}

async fn what_is_put_back_passes_the_gate_again(world: World) {
    let (case, id) = dead(&world, "acc").await;
    let which = OpenCase::Account(account_ref("acc"));
    world.store.close_case(&which, CloseReason::Repaired).await.unwrap();
    assert_eq!(world.stands(case, id).await.0, Dead, "an end stays an end");
    assert!(world.store.replay_notification(id).await.unwrap());
    assert_eq!(world.not_sent(id).await, (Cancelled, Reason::CaseClosed));

    let (_, id) = dead(&world, "other").await;
    world.advance(2 * DAY);
    assert!(world.store.replay_notification(id).await.unwrap());
    assert_eq!(world.not_sent(id).await, (Skipped, Reason::Late));
}

async fn the_gauges_count_what_is_open(world: World) {
    assert_eq!(world.store.stats().await.unwrap(), StoreStats::default());
    dead(&world, "dead").await;
    let (_, id) = world.due_email("doubtful").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    world.open_case("open").await;
    let (_, id) = world.due_email("crashed").await;
    world.send(id).await;
    world.advance(LEASE);
    let which = OpenCase::Account(account_ref("open"));
    world.store.close_case(&which, CloseReason::Operator).await.unwrap();
    let expected = StoreStats { cases_open: 3, unknown_open: 1, dead: 1, sends_after_repair: 0 };
    assert_eq!(world.store.stats().await.unwrap(), expected);
}

on_both!(
    the_dead_are_listed_and_can_be_put_back,
    what_is_put_back_passes_the_gate_again,
    the_gauges_count_what_is_open,
);
