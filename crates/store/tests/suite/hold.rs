//! An operator's hold parks what comes due, and letting go wakes it.

use crate::on_both;
use crate::world::{DAY, LEASE, MINUTE, World, deferred, unknown, upsert, user};
use NotificationState::{Doubtful, Planned};
use relink_core::attempt::{Outcome, Reason};
use relink_core::case::HoldReason;
use relink_core::id::{CaseId, EventId};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::signal::SignalKind;

async fn a_held_case_parks_what_comes_due_and_goes_on_when_released(world: World) {
    let (case, id) = world.due_email("acc").await;
    assert!(world.store.hold_case(case, true).await.unwrap());
    assert!(!world.store.hold_case(case, true).await.unwrap());
    assert_eq!(world.history(case).await.case.hold, Some(HoldReason::Operator));
    world.claim().await;
    for _ in 0..3 {
        assert_eq!(world.not_sent(id).await, (Planned, Reason::OperatorHold));
    }
    // Said once, however often it is asked.
    assert_eq!(world.told(case, id).await, [(NonSend::Held, Reason::OperatorHold)]);
    world.advance(MINUTE * 30);
    assert!(world.claim().await.is_empty());

    assert!(world.store.hold_case(case, false).await.unwrap());
    assert!(!world.store.hold_case(case, false).await.unwrap());
    assert_eq!(world.stands(case, id).await, (Planned, None));
    assert_eq!(world.claim().await.len(), 1);
    let open = world.send(id).await;
    world.finish(&open, Outcome::Accepted).await;
}

async fn a_retry_waits_for_its_moment_after_a_release(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.store.hold_case(case, true).await.unwrap();
    world.finish(&open, deferred(Reason::TemporaryRefusal)).await;
    world.store.hold_case(case, false).await.unwrap();
    assert!(world.claim().await.is_empty());
    world.advance(MINUTE);
    assert_eq!(world.claim().await.len(), 1);
}

async fn a_held_case_can_be_parked_again(world: World) {
    let (case, id) = world.due_email("acc").await;
    for round in 1..=2 {
        world.store.hold_case(case, true).await.unwrap();
        world.not_sent(id).await;
        assert_eq!(world.told(case, id).await.len(), round);
        world.store.hold_case(case, false).await.unwrap();
        assert_eq!(world.claim().await.len(), 1);
    }
}

async fn a_doubt_under_a_hold_stays_a_doubt(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let open = world.send(id).await;
    world.store.hold_case(case, true).await.unwrap();
    world.finish(&open, unknown()).await;
    world.advance(MINUTE);
    assert_eq!(world.not_sent(id).await, (Doubtful, Reason::OperatorHold));
    assert_eq!(world.stands(case, id).await, (Doubtful, Some(Reason::NoAnswer)));
    world.store.hold_case(case, false).await.unwrap();
    assert!(world.claim().await.iter().any(|due| due.notification_id == id));
    assert_eq!(world.look_up(id).await.number, 1);
}

async fn a_crash_under_a_hold_becomes_a_doubt(world: World) {
    let (case, id) = world.due_email("acc").await;
    world.send(id).await;
    world.store.hold_case(case, true).await.unwrap();
    world.advance(LEASE);
    assert_eq!(world.not_sent(id).await, (Doubtful, Reason::Crashed));
    world.store.hold_case(case, false).await.unwrap();
    world.advance(MINUTE);
    assert_eq!(world.send(id).await.number, 2);
}

async fn a_hold_on_a_case_without_an_account_does_not_forget_that(world: World) {
    let applied = world.apply(world.signal("e1", "acc", SignalKind::LoginRequired)).await;
    let case = applied.case_id.unwrap();
    assert!(!world.store.hold_case(case, false).await.unwrap());
    assert!(world.store.hold_case(case, true).await.unwrap());
    assert!(world.store.hold_case(case, false).await.unwrap());
    assert_eq!(world.history(case).await.case.hold, Some(HoldReason::NoAccount));

    assert!(world.store.hold_case(case, true).await.unwrap());
    world.advance(DAY);
    world.put(upsert("acc", vec![user()])).await;
    let history = world.history(case).await;
    assert_eq!(history.case.hold, Some(HoldReason::Operator));
    let id = world.claim().await[0].notification_id;
    assert_eq!(world.not_sent(id).await, (Planned, Reason::OperatorHold));
    assert!(world.store.hold_case(case, false).await.unwrap());
    assert_eq!(world.history(case).await.case.hold, None);
    world.send(id).await;
}

async fn there_is_nothing_to_hold_in_a_closed_or_unknown_case(world: World) {
    let case = world.open_case("acc").await;
    world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
    let unknown = CaseId::opened_by(&EventId::parse("nobody").unwrap());
    for id in [case, unknown] {
        for hold in [true, false] {
            assert!(!world.store.hold_case(id, hold).await.unwrap());
        }
    }
}

on_both!(
    a_held_case_parks_what_comes_due_and_goes_on_when_released,
    a_retry_waits_for_its_moment_after_a_release,
    a_held_case_can_be_parked_again,
    a_doubt_under_a_hold_stays_a_doubt,
    a_crash_under_a_hold_becomes_a_doubt,
    a_hold_on_a_case_without_an_account_does_not_forget_that,
    there_is_nothing_to_hold_in_a_closed_or_unknown_case,
);
