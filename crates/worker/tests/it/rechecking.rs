//! Somebody said "done": Cobalt is asked again until it proves it, or for long enough.

use crate::support::*;
use relink_core::case::CloseReason;
use relink_core::id::CaseId;
use relink_core::notification::NotificationState;
use relink_core::signal::SignalKind;
use relink_core::visit::{RECHECK_WAITS, Visit, VisitStep, Visitor, Way};
use relink_store::{AccountStore as _, ComingBackStore as _, SignalStore as _, StoreError};
use std::sync::Arc;

async fn said_done(world: &World, case: CaseId) {
    let at = world.now();
    let visit = Visit {
        at,
        step: VisitStep::Done,
        way: Way::Link,
        visitor: Visitor::Person,
        notification_id: None,
    };
    world.store.note_visits(case, &[visit]).await.unwrap();
}

async fn broken(world: &World, cobalt: &FakeCobalt, account: &str) -> CaseId {
    let case = world.open_case(account).await;
    world.register_with(account, account).await;
    cobalt.say(account, Says::Broken);
    case
}

#[tokio::test]
async fn a_login_that_takes_a_while_to_be_seen_closes_its_case() {
    let world = World::new().await;
    let cobalt = Arc::<FakeCobalt>::default();
    let case = broken(&world, &cobalt, "clinic_1").await;
    let rechecker = world.rechecker(&world.prober(&cobalt));
    said_done(&world, case).await;
    assert_eq!(rechecker.round().await.unwrap(), 0, "not at once");
    world.advance(RECHECK_WAITS[0]);
    assert_eq!(rechecker.round().await.unwrap(), 1);
    assert!(world.history(case).await.case.is_open());

    cobalt.say("clinic_1", Says::Works);
    world.advance(RECHECK_WAITS[1]);
    assert_eq!(rechecker.round().await.unwrap(), 1);
    let history = world.history(case).await;
    assert_eq!(history.case.close_reason, Some(CloseReason::Repaired));
    let proven = history.visits.last().unwrap();
    assert_eq!((proven.step, proven.way), (VisitStep::Proven, Way::Recheck));
    let cancelled = |state| state == NotificationState::Cancelled;
    assert!(history.notifications.iter().all(|row| cancelled(row.state)));
    assert_eq!(world.metric("relink_time_to_relink_seconds_count"), 1.0);
    for (result, count) in [("login_required", 1.0), ("healthy", 1.0)] {
        let line = format!(r#"relink_probes_total{{when="recheck",result="{result}"}}"#);
        assert_eq!(world.metric(&line), count);
    }
    world.advance(DAY);
    rechecker.round().await.unwrap();
    assert_eq!(cobalt.asked().len(), 2, "nobody asks about a closed case");
}

#[tokio::test]
async fn it_is_asked_as_often_as_there_are_waits_and_no_more() {
    let world = World::new().await;
    let cobalt = Arc::<FakeCobalt>::default();
    let case = broken(&world, &cobalt, "clinic_1").await;
    let rechecker = world.rechecker(&world.prober(&cobalt));
    said_done(&world, case).await;
    for wait in RECHECK_WAITS {
        world.advance(wait);
        rechecker.round().await.unwrap();
    }
    world.advance(DAY);
    rechecker.round().await.unwrap();
    assert_eq!(cobalt.asked().len(), RECHECK_WAITS.len());
}

#[tokio::test]
async fn news_of_a_break_while_cobalt_is_asked_keeps_the_case_open() {
    let world = World::new().await;
    let cobalt = Arc::<FakeCobalt>::default();
    let case = broken(&world, &cobalt, "clinic_1").await;
    cobalt.say("clinic_1", Says::Works);
    let answer = Arc::<tokio::sync::Notify>::default();
    *cobalt.held.lock().unwrap() = Some(Arc::clone(&answer));
    said_done(&world, case).await;
    world.advance(RECHECK_WAITS[0]);
    let rechecker = world.rechecker(&world.prober(&cobalt));
    let again = world.signal("again", "clinic_1", SignalKind::LoginRequired);
    let (taken, ()) = tokio::join!(rechecker.round(), async {
        soon("the question", cobalt.begun.notified()).await;
        world.store.apply_signals(&[again]).await.unwrap();
        answer.notify_one();
    });
    assert_eq!(taken.unwrap(), 1);
    assert!(world.history(case).await.case.is_open());
}

#[tokio::test]
async fn what_cannot_be_asked_about_or_would_prove_nothing_is_left_alone() {
    let world = World::new().await;
    let cobalt = Arc::<FakeCobalt>::default();
    let warning = world.signal("warned", "warned", SignalKind::PasswordChangeWarning);
    world.register_with("warned", "warned").await;
    cobalt.say("warned", Says::Works);
    let warned = world.store.apply_signals(&[warning]).await.unwrap()[0].case_id.unwrap();
    let unregistered = world.signal("nobody", "nobody", SignalKind::LoginRequired);
    let nobody = world.store.apply_signals(&[unregistered]).await.unwrap()[0].case_id.unwrap();
    let gone = broken(&world, &cobalt, "gone").await;
    for case in [warned, nobody, gone] {
        said_done(&world, case).await;
    }
    world.store.delete_account(&"gone".parse().unwrap()).await.unwrap();
    world.advance(RECHECK_WAITS[0]);
    let rechecker = world.rechecker(&world.prober(&cobalt));
    assert_eq!(rechecker.round().await.unwrap(), 3);
    assert!(cobalt.asked().is_empty());
    for case in [warned, nobody] {
        assert!(world.history(case).await.case.is_open());
    }
    assert_eq!(world.metric(r#"relink_probes_total{when="recheck",result="skipped"}"#), 1.0);
}

#[tokio::test]
async fn a_store_that_does_not_take_the_proof_is_asked_again_later() {
    let world = World::new().await;
    let cobalt = Arc::<FakeCobalt>::default();
    let case = broken(&world, &cobalt, "clinic_1").await;
    cobalt.say("clinic_1", Says::Works);
    said_done(&world, case).await;
    world.advance(RECHECK_WAITS[0]);
    let rechecker = world.rechecker(&world.prober(&cobalt));
    world.store.fail("close_proven", 1, &StoreError::Unavailable("on purpose".into()));
    assert_eq!(rechecker.round().await.unwrap(), 1);
    assert!(world.history(case).await.case.is_open());
    world.advance(RECHECK_WAITS[1]);
    rechecker.round().await.unwrap();
    assert!(!world.history(case).await.case.is_open());
}
