//! A message waits while Cobalt cannot say whether its account works: longer each time, on record
//! once, for as long as the patience lasts and no longer.

use crate::on_both;
use crate::world::{DAY, LEASE, MINUTE, World, deferred};
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::case::CloseReason;
use relink_core::id::NotificationId;
use relink_core::notification::{NonSend, NotificationState};
use relink_core::time::{after, since};
use relink_core::visit::{VisitStep, Visitor, Way};
use relink_store::{Begin, Finished, OpenCase, PutOff, PutOffRequest};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);
const WAITING: (NonSend, Reason) = (NonSend::Deferred, Reason::HealthUnknown);

async fn put_off(world: &World, id: NotificationId) -> PutOff {
    let request = PutOffRequest { notification_id: id, patience: PATIENCE, jitter: 0.0 };
    world.store.put_off(&request).await.unwrap()
}

/// Puts it off; answers for how long.
async fn wait(world: &World, id: NotificationId) -> Duration {
    match put_off(world, id).await {
        PutOff::Waits { until, .. } => since(world.now(), until),
        other => panic!("not put off: {other:?}"),
    }
}

async fn it_waits_longer_each_time_is_told_once_and_spends_nothing(world: World) {
    let (case, id) = world.due_email("acc").await;
    let mut minutes = Vec::new();
    let begun = world.now();
    loop {
        match put_off(&world, id).await {
            PutOff::Waits { until, first, state, .. } => {
                assert_eq!((first, state), (minutes.is_empty(), NotificationState::Planned));
                let row = world.notification(case, id).await;
                assert_eq!((row.due_at, row.reason), (until, Some(Reason::HealthUnknown)));
                assert_eq!((row.attempts, row.spent, row.fence), (0, 0, 0));
                // Early: for another worker too, and for a second copy of the message.
                assert_eq!(put_off(&world, id).await, PutOff::NotNow);
                assert!(matches!(world.begin(id).await, Begin::NotNow));
                let waits = since(world.now(), until);
                assert_eq!(world.store.next_due_in().await.unwrap(), Some(waits));
                world.advance(waits);
                assert_eq!(world.claim().await.len(), 1);
                minutes.push(waits.as_secs() / 60);
            }
            PutOff::PatienceOver => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(minutes, [1, 5, 15, 30, 30, 30, 9]);
    assert_eq!(since(begun, world.now()), PATIENCE);
    assert_eq!(world.told(case, id).await, [WAITING]);
    let visits = world.history(case).await.visits;
    let [visit] = visits.as_slice() else { panic!("{visits:?}") };
    assert_eq!((visit.step, visit.way), (VisitStep::PatienceOver, Way::BeforeSend));
    assert_eq!((visit.visitor, visit.notification_id), (Visitor::Relink, Some(id)));
    // Nothing but the answer was missing.
    let open = world.send(id).await;
    assert_eq!(open.number, 1);
    world.finish(&open, Outcome::Accepted).await;
    assert_eq!(put_off(&world, id).await, PutOff::NotNow);
}

async fn an_attempt_or_a_hold_in_between_begins_the_patience_anew(world: World) {
    let (case, id) = world.due_email("acc").await;
    assert_eq!(wait(&world, id).await, MINUTE);
    world.advance(MINUTE);
    let open = world.send(id).await;
    world.finish(&open, deferred(Reason::ConnectFailed)).await;
    world.advance(PATIENCE);
    assert_eq!(wait(&world, id).await, MINUTE);
    assert_eq!(world.told(case, id).await, [WAITING, WAITING]);

    world.store.hold_case(case, true).await.unwrap();
    world.advance(MINUTE);
    assert_eq!(put_off(&world, id).await, PutOff::LeftToGate);
    assert_eq!(world.not_sent(id).await.1, Reason::OperatorHold);
    world.advance(PATIENCE);
    world.store.hold_case(case, false).await.unwrap();
    assert_eq!(wait(&world, id).await, MINUTE);
    let held = (NonSend::Held, Reason::OperatorHold);
    assert_eq!(world.told(case, id).await, [WAITING, WAITING, held, WAITING]);
}

async fn what_the_gate_would_not_send_is_left_to_it(world: World) {
    let unknown = "0".repeat(32).parse().unwrap();
    assert_eq!(put_off(&world, unknown).await, PutOff::NotNow);
    let (case, id) = world.due_email("acc").await;
    world.send(id).await;
    assert_eq!(put_off(&world, id).await, PutOff::NotNow, "another worker has it");
    let (other, late) = world.due_email("late").await;
    world.advance(DAY + MINUTE);
    assert_eq!(put_off(&world, late).await, PutOff::LeftToGate);
    assert_eq!(world.not_sent(late).await, (NotificationState::Skipped, Reason::Late));
    for case in [case, other] {
        assert_eq!(world.history(case).await.visits, []);
    }
    let (closed, id) = world.due_email("closed").await;
    wait(&world, id).await;
    world.store.close_case(&OpenCase::Id(closed), CloseReason::Repaired).await.unwrap();
    assert_eq!(put_off(&world, id).await, PutOff::NotNow);
    assert_eq!(world.told(closed, id).await, [WAITING, (NonSend::Cancelled, Reason::CaseClosed)]);
}

async fn a_crash_becomes_a_doubt_that_waits_and_keeps_its_reason(world: World) {
    let (case, id) = world.due_email("acc").await;
    let lost = world.send(id).await;
    world.advance(LEASE + MINUTE);
    assert_eq!(wait(&world, id).await, MINUTE);
    let doubt = (NotificationState::Doubtful, Some(Reason::Crashed));
    assert_eq!(world.stands(case, id).await, doubt);
    assert_eq!(world.notification(case, id).await.doubts, 1);
    world.advance(MINUTE);
    assert_eq!(wait(&world, id).await, 5 * MINUTE);
    assert_eq!(world.stands(case, id).await, doubt);
    assert_eq!(world.told(case, id).await, [WAITING]);
    let until = world.notification(case, id).await.due_at;
    assert_eq!(until, after(world.now(), 5 * MINUTE));

    // The worker was slow and not dead: what it says ends the doubt.
    assert_eq!(world.finish(&lost, Outcome::Accepted).await, Finished::Late);
    assert_eq!(world.stands(case, id).await, (NotificationState::Sent, Some(Reason::Accepted)));
    let attempt = world.history(case).await.attempts.remove(0);
    assert_eq!(attempt.resolved_as, Some(OutcomeKind::Accepted));
}

async fn without_patience_nothing_waits(world: World) {
    let (case, id) = world.due_email("acc").await;
    let request = PutOffRequest { notification_id: id, patience: Duration::ZERO, jitter: 1.0 };
    assert_eq!(world.store.put_off(&request).await.unwrap(), PutOff::PatienceOver);
    assert_eq!(world.told(case, id).await, []);
    world.send(id).await;
}

on_both!(
    it_waits_longer_each_time_is_told_once_and_spends_nothing,
    an_attempt_or_a_hold_in_between_begins_the_patience_anew,
    what_the_gate_would_not_send_is_left_to_it,
    a_crash_becomes_a_doubt_that_waits_and_keeps_its_reason,
    without_patience_nothing_waits,
);
