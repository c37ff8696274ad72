//! Timers: what is due is handed out once, and comes back if nobody touches it.

use crate::on_both;
use crate::world::{DAY, LEASE, MINUTE, SETTLE, World, unknown};
use relink_core::account::Channel;
use relink_core::attempt::Outcome;
use relink_store::REPUBLISH_AFTER;
use std::collections::HashSet;
use std::time::Duration;

async fn what_is_due_is_claimed_once_and_comes_back_untouched(world: World) {
    world.open_case("acc").await;
    assert_eq!(world.store.next_due_in().await.unwrap(), Some(SETTLE));
    assert!(world.claim().await.is_empty());
    world.advance(SETTLE);
    assert_eq!(world.store.next_due_in().await.unwrap(), Some(Duration::ZERO));
    let due = world.claim().await;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].channel, Channel::Email);
    let trace = due[0].trace.map(|trace| trace.trace_id());
    assert_eq!(trace.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert!(world.claim().await.is_empty());
    assert_eq!(world.store.next_due_in().await.unwrap(), Some(REPUBLISH_AFTER));
    world.advance(REPUBLISH_AFTER);
    assert_eq!(world.claim().await, due);
}

async fn what_is_given_back_is_due_at_once(world: World) {
    let (_, id) = world.due_email("acc").await;
    world.claim().await;
    world.store.give_back(&[id]).await.unwrap();
    assert_eq!(world.claim().await.len(), 1);
}

async fn giving_back_wakes_nothing_that_is_held_or_ended(world: World) {
    let (_, id) = world.due_email("acc").await;
    world.claim().await;
    let open = world.send(id).await;
    world.store.give_back(&[id]).await.unwrap();
    assert!(world.claim().await.is_empty());
    world.finish(&open, Outcome::Accepted).await;
    world.store.give_back(&[id]).await.unwrap();
    assert!(world.claim().await.is_empty());
}

async fn claimers_at_the_same_time_get_different_rows(world: World) {
    for n in 0..40 {
        world.open_case(&format!("acc {n}")).await;
    }
    world.advance(SETTLE);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move { store.claim_due(15).await.unwrap() })
        })
        .collect();
    let mut seen = HashSet::new();
    let mut rows = 0;
    for task in tasks {
        let claimed = task.await.unwrap();
        assert!(claimed.len() <= 15);
        rows += claimed.len();
        seen.extend(claimed.into_iter().map(|due| due.notification_id));
    }
    assert_eq!(rows, seen.len());
    // Whoever came while others held rows may have got fewer; nothing is left out for good.
    rows += world.claim().await.len();
    assert_eq!(rows, 40);
}

async fn a_limit_is_kept_and_the_oldest_come_first(world: World) {
    let (_, first) = world.due_email("a").await;
    world.advance(MINUTE);
    let (_, second) = world.due_email("b").await;
    let ids = |due: Vec<relink_store::Due>| {
        due.into_iter().map(|due| due.notification_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(world.store.claim_due(1).await.unwrap()), [first]);
    assert_eq!(ids(world.store.claim_due(1).await.unwrap()), [second]);
    assert!(world.store.claim_due(0).await.unwrap().is_empty());
}

async fn a_lost_lease_comes_back(world: World) {
    let (_, id) = world.due_email("acc").await;
    world.claim().await;
    world.send(id).await;
    world.advance(LEASE - MINUTE);
    assert!(world.claim().await.is_empty());
    world.advance(MINUTE);
    assert_eq!(world.claim().await.len(), 1);
}

async fn a_doubt_comes_back_when_it_is_time_to_look(world: World) {
    let (_, id) = world.due_sms("acc").await;
    world.claim().await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    assert!(world.claim().await.is_empty());
    world.advance(MINUTE);
    let due = world.claim().await;
    assert!(due.iter().any(|due| due.notification_id == id && due.channel == Channel::Sms));
}

async fn a_stale_copy_does_not_make_a_row_late(world: World) {
    let case = world.open_case("acc").await;
    let id = crate::world::id_of(case, "first", "u1", Channel::Email);
    // Too early, from wherever it came.
    assert!(matches!(world.begin(id).await, relink_store::Begin::NotNow));
    assert_eq!(world.store.next_due_in().await.unwrap(), Some(SETTLE));
    world.advance(SETTLE);
    world.claim().await;
    let open = world.send(id).await;
    // A second copy while the first is being worked on.
    assert!(matches!(world.begin(id).await, relink_store::Begin::NotNow));
    assert_eq!(world.store.next_due_in().await.unwrap(), Some(LEASE));
    world.finish(&open, Outcome::Accepted).await;
    assert_eq!(world.store.next_due_in().await.unwrap(), Some(DAY));
}

on_both!(
    what_is_due_is_claimed_once_and_comes_back_untouched,
    what_is_given_back_is_due_at_once,
    giving_back_wakes_nothing_that_is_held_or_ended,
    claimers_at_the_same_time_get_different_rows,
    a_limit_is_kept_and_the_oldest_come_first,
    a_lost_lease_comes_back,
    a_doubt_comes_back_when_it_is_time_to_look,
    a_stale_copy_does_not_make_a_row_late,
);
