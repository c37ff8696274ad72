//! Signals become cases, once each.

use crate::on_both;
use crate::world::{DAY, SETTLE, World, account_ref, admin, id_of, request, rules, upsert, user};
use SignalKind::{LoginRequired, PasswordChangeWarning, Repaired};
use relink_core::account::{Channel, Contact};
use relink_core::attempt::Reason;
use relink_core::case::{CloseReason, HoldReason};
use relink_core::id::{CaseId, EventId};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::plan::SignalResult;
use relink_core::signal::{Signal, SignalKind};
use relink_core::time::after;
use relink_store::{Applied, Begin, CaseFilter};

async fn a_login_required_opens_a_case_and_plans_every_step(world: World) {
    world.put(upsert("acc", vec![user(), admin()])).await;
    let signal = world.signal("e1", "acc", LoginRequired);
    let applied = world.apply(signal.clone()).await;
    let case_id = CaseId::opened_by(&EventId::parse("e1").unwrap());
    assert_eq!(
        applied,
        Applied { result: SignalResult::Opened, case_id: Some(case_id), planned: 3 }
    );
    let history = world.history(case_id).await;
    assert_eq!((history.case.opened_at, history.case.signals), (world.now(), 1));
    assert_eq!(history.case.expires_at, after(world.now(), 30 * DAY));
    assert_eq!(history.signals.len(), 1);
    assert_eq!(history.signals[0].signal, signal);
    assert_eq!(history.signals[0].result, SignalResult::Opened);
    let planned: Vec<_> = history
        .notifications
        .iter()
        .map(|n| (n.step.as_str(), n.channel, n.state, n.due_at, n.fence, n.attempts))
        .collect();
    let start = after(world.now(), SETTLE);
    let state = NotificationState::Planned;
    assert_eq!(
        planned,
        [
            ("first", Channel::Email, state, start, 0, 0),
            ("nudge", Channel::Sms, state, after(start, DAY), 0, 0),
            ("escalate", Channel::Email, state, after(start, 3 * DAY), 0, 0),
        ]
    );
    assert!(history.attempts.is_empty() && history.non_sends.is_empty());
}

async fn the_same_event_is_applied_once(world: World) {
    world.put(upsert("acc", vec![user()])).await;
    let signal = world.signal("e1", "acc", LoginRequired);
    let first = world.apply(signal.clone()).await;
    let before = world.history(first.case_id.unwrap()).await;
    world.advance(DAY);
    // Twice in one batch as well: the second must see the first.
    let again = world.store.apply_signals(&[signal.clone(), signal]).await.unwrap();
    for applied in again {
        assert_eq!((applied.result, applied.planned), (SignalResult::Duplicate, 0));
        assert_eq!(applied.case_id, first.case_id);
    }
    assert_eq!(world.history(first.case_id.unwrap()).await, before);
}

async fn a_known_id_with_another_content_changes_nothing(world: World) {
    let case = world.open_case("acc").await;
    let before = world.history(case).await;
    let mut other = world.signal("event for acc", "acc", Repaired);
    other.digest = "another digest".to_owned();
    let applied = world.apply(other).await;
    assert_eq!(applied, Applied { result: SignalResult::IdReused, case_id: None, planned: 0 });
    assert_eq!(world.history(case).await, before);
}

async fn one_batch_may_hold_the_same_new_event_twice(world: World) {
    world.put(upsert("acc", vec![user()])).await;
    let signal = world.signal("e1", "acc", LoginRequired);
    let mut reused = signal.clone();
    reused.digest = "another digest".to_owned();
    let batch = [signal.clone(), signal, reused];
    let applied = world.store.apply_signals(&batch).await.unwrap();
    let results: Vec<_> = applied.iter().map(|applied| applied.result).collect();
    assert_eq!(results, [SignalResult::Opened, SignalResult::Duplicate, SignalResult::IdReused]);
}

async fn repeats_join_the_open_case_and_plan_nothing(world: World) {
    let case = world.open_case("acc").await;
    let batch: Vec<_> =
        (0..5).map(|n| world.signal(&format!("again {n}"), "acc", LoginRequired)).collect();
    for applied in world.store.apply_signals(&batch).await.unwrap() {
        assert_eq!((applied.result, applied.case_id), (SignalResult::Joined, Some(case)));
        assert_eq!(applied.planned, 0);
    }
    let history = world.history(case).await;
    assert_eq!((history.case.signals, history.signals.len()), (6, 6));
    assert_eq!(history.notifications.len(), 2);
}

async fn a_warning_that_comes_true_is_raised_and_planned_on(world: World) {
    world.put(upsert("acc", vec![user()])).await;
    let warned = world.apply(world.signal("e1", "acc", PasswordChangeWarning)).await;
    assert_eq!((warned.result, warned.planned), (SignalResult::Opened, 1));
    world.advance(2 * DAY);
    let raised = world.apply(world.signal("e2", "acc", LoginRequired)).await;
    assert_eq!((raised.result, raised.planned), (SignalResult::Joined, 2));
    assert_eq!(raised.case_id, warned.case_id);
    let case = warned.case_id.unwrap();
    assert_eq!(world.history(case).await.case.kind, LoginRequired);
    let first = world.notification(case, id_of(case, "first", "u1", Channel::Email)).await;
    assert_eq!(first.due_at, after(world.now(), SETTLE));
}

async fn a_repair_closes_the_case_and_cancels_what_it_planned(world: World) {
    let case = world.open_case("acc").await;
    world.advance(SETTLE);
    let applied = world.apply(world.signal("e2", "acc", Repaired)).await;
    assert_eq!((applied.result, applied.case_id), (SignalResult::Closed, Some(case)));
    let history = world.history(case).await;
    assert_eq!(history.case.closed_at, Some(world.now()));
    assert_eq!(history.case.close_reason, Some(CloseReason::Repaired));
    for notification in &history.notifications {
        assert_eq!(notification.state, NotificationState::Cancelled);
        assert_eq!(notification.reason, Some(Reason::CaseClosed));
        let told = world.told(case, notification.id).await;
        assert_eq!(told, [(NonSend::Cancelled, Reason::CaseClosed)]);
    }
    assert!(world.claim().await.is_empty());
    assert_eq!(world.store.next_due_in().await.unwrap(), None);
}

async fn a_repair_of_nothing_is_noted(world: World) {
    let applied = world.apply(world.signal("e1", "acc", Repaired)).await;
    assert_eq!(applied, Applied { result: SignalResult::Noted, case_id: None, planned: 0 });
}

async fn late_news_of_what_was_mended_since_bothers_nobody(world: World) {
    world.open_case("acc").await;
    let old = world.signal("old", "acc", LoginRequired);
    world.advance(SETTLE);
    world.apply(world.signal("mended", "acc", Repaired)).await;
    let exactly_then = world.signal("then", "acc", LoginRequired);
    world.advance(SETTLE);
    for stale in [old, exactly_then] {
        let applied = world.apply(stale).await;
        assert_eq!(applied, Applied { result: SignalResult::Stale, case_id: None, planned: 0 });
    }
    let new = world.apply(world.signal("new", "acc", LoginRequired)).await;
    assert_eq!(new.result, SignalResult::Opened);
}

async fn nothing_happened_later_than_the_stores_own_now(world: World) {
    let now = world.now();
    let signal = world.signal("e1", "acc", LoginRequired);
    let from_tomorrow = Signal { occurred_at: after(now, DAY), ..signal };
    let case = world.apply(from_tomorrow).await.case_id.unwrap();
    assert_eq!(world.history(case).await.signals[0].signal.occurred_at, now);
}

async fn a_repair_counts_for_late_news_also_when_no_case_was_open(world: World) {
    let missed = world.signal("missed", "acc", LoginRequired);
    let in_one_batch = [
        world.signal("mended before", "other", Repaired),
        world.signal("missed before", "other", LoginRequired),
    ];
    world.advance(SETTLE);
    world.apply(world.signal("mended", "acc", Repaired)).await;
    world.advance(SETTLE);
    assert_eq!(world.apply(missed).await.result, SignalResult::Stale);
    let applied = world.store.apply_signals(&in_one_batch).await.unwrap();
    let results: Vec<_> = applied.iter().map(|applied| applied.result).collect();
    assert_eq!(results, [SignalResult::Noted, SignalResult::Stale]);
    world.advance(SETTLE);
    let new = world.apply(world.signal("new", "acc", LoginRequired)).await;
    assert_eq!(new.result, SignalResult::Opened);
}

async fn a_batch_is_applied_in_its_order(world: World) {
    world.put(upsert("acc", vec![user()])).await;
    let batch = [
        world.signal("e1", "acc", LoginRequired),
        world.signal("e2", "other", LoginRequired),
        world.signal("e3", "acc", Repaired),
        world.signal("e4", "acc", LoginRequired),
        world.signal("e5", "other", Repaired),
    ];
    let applied = world.store.apply_signals(&batch).await.unwrap();
    let results: Vec<_> = applied.iter().map(|applied| applied.result).collect();
    use SignalResult::{Closed, Opened, Stale};
    assert_eq!(results, [Opened, Opened, Closed, Stale, Closed]);
}

async fn signals_at_the_same_moment_open_one_case(world: World) {
    world.put(upsert("acc", vec![user()])).await;
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let store = world.store.clone();
            let signal = world.signal(&format!("e{n}"), "acc", LoginRequired);
            tokio::spawn(async move { store.apply_signals(&[signal]).await.unwrap().remove(0) })
        })
        .collect();
    let mut opened = 0;
    for task in tasks {
        match task.await.unwrap().result {
            SignalResult::Opened => opened += 1,
            result => assert_eq!(result, SignalResult::Joined),
        }
    }
    assert_eq!(opened, 1);
    let filter = CaseFilter { limit: 10, ..CaseFilter::default() };
    let cases = world.store.cases(&filter).await.unwrap();
    assert_eq!((cases.len(), cases[0].signals), (1, 12));
    assert_eq!(world.history(cases[0].id).await.notifications.len(), 2);
}

async fn the_same_event_from_many_at_once_is_applied_once(world: World) {
    world.put(upsert("acc", vec![user()])).await;
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let store = world.store.clone();
            let signal = world.signal("e1", "acc", LoginRequired);
            tokio::spawn(async move { store.apply_signals(&[signal]).await.unwrap().remove(0) })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap().result);
    }
    results.sort();
    assert_eq!(results[0], SignalResult::Opened);
    assert!(results[1..].iter().all(|result| *result == SignalResult::Duplicate), "{results:?}");
}

async fn a_case_expires_and_says_so(world: World) {
    let case = world.open_case("acc").await;
    world.open_case("second").await;
    world.advance(30 * DAY - SETTLE);
    assert_eq!(world.store.expire_cases(10).await.unwrap(), 0);
    world.advance(SETTLE);
    assert_eq!(world.store.expire_cases(1).await.unwrap(), 1);
    assert_eq!(world.store.expire_cases(10).await.unwrap(), 1);
    assert_eq!(world.store.expire_cases(10).await.unwrap(), 0);
    let history = world.history(case).await;
    assert_eq!(history.case.close_reason, Some(CloseReason::Expired));
    for notification in &history.notifications {
        assert_eq!(notification.state, NotificationState::Cancelled);
        assert_eq!(notification.reason, Some(Reason::CaseExpired));
        let told = world.told(case, notification.id).await;
        assert_eq!(told, [(NonSend::Cancelled, Reason::CaseExpired)]);
    }
}

async fn a_case_past_its_end_is_not_sent_even_before_it_is_closed(world: World) {
    let mut slow = rules();
    slow.policy.late_by_max = 60 * DAY;
    let world = world.with_rules(slow).await;
    let (case, id) = world.due_email("acc").await;
    world.advance(30 * DAY);
    assert_eq!(world.not_sent(id).await, (NotificationState::Cancelled, Reason::CaseExpired));
    let begun = world.store.begin(&[request("w1", id)]).await.unwrap();
    assert!(matches!(begun[0], Begin::NotNow));
    assert!(world.history(case).await.attempts.is_empty());
}

async fn without_an_account_a_case_waits_and_goes_on_when_it_comes(world: World) {
    let applied = world.apply(world.signal("e1", "acc", LoginRequired)).await;
    let case = applied.case_id.unwrap();
    assert_eq!((applied.result, applied.planned), (SignalResult::Opened, 0));
    let history = world.history(case).await;
    assert_eq!(history.case.hold, Some(HoldReason::NoAccount));
    assert_eq!(history.non_sends.len(), 1);
    assert_eq!(history.non_sends[0].decision, NonSend::Held);
    assert_eq!(history.non_sends[0].reason, Reason::NoAccount);

    world.advance(DAY);
    assert!(world.put(upsert("acc", vec![user()])).await);
    let history = world.history(case).await;
    assert_eq!(history.case.hold, None);
    assert_eq!(history.notifications.len(), 2);
    // The settling time has passed long ago: the first step is due at once.
    assert_eq!(world.claim().await.len(), 1);
}

async fn steps_that_reach_nobody_say_why(world: World) {
    let mute = Contact { email: None, sms_consent: false, ..user() };
    world.put(upsert("acc", vec![mute])).await;
    let applied = world.apply(world.signal("e1", "acc", LoginRequired)).await;
    assert_eq!((applied.result, applied.planned), (SignalResult::Opened, 0));
    let history = world.history(applied.case_id.unwrap()).await;
    let told: Vec<_> = history
        .non_sends
        .iter()
        .map(|row| (row.step.as_ref().unwrap().as_str(), row.decision, row.reason))
        .collect();
    assert_eq!(
        told,
        [
            ("first", NonSend::Skipped, Reason::NoUsableChannel),
            ("nudge", NonSend::Skipped, Reason::NoUsableChannel),
            ("escalate", NonSend::Skipped, Reason::NoContact),
        ]
    );
    assert_eq!(history.case.account_ref, account_ref("acc"));
}

on_both!(
    a_login_required_opens_a_case_and_plans_every_step,
    the_same_event_is_applied_once,
    a_known_id_with_another_content_changes_nothing,
    one_batch_may_hold_the_same_new_event_twice,
    repeats_join_the_open_case_and_plan_nothing,
    a_warning_that_comes_true_is_raised_and_planned_on,
    a_repair_closes_the_case_and_cancels_what_it_planned,
    a_repair_of_nothing_is_noted,
    late_news_of_what_was_mended_since_bothers_nobody,
    nothing_happened_later_than_the_stores_own_now,
    a_repair_counts_for_late_news_also_when_no_case_was_open,
    a_batch_is_applied_in_its_order,
    signals_at_the_same_moment_open_one_case,
    the_same_event_from_many_at_once_is_applied_once,
    a_case_expires_and_says_so,
    a_case_past_its_end_is_not_sent_even_before_it_is_closed,
    without_an_account_a_case_waits_and_goes_on_when_it_comes,
    steps_that_reach_nobody_say_why,
);
