//! Events from Cobalt's list beside those that its webhooks brought.

use crate::on_both;
use crate::world::{DAY, World, account_ref};
use SignalKind::{LoginRequired, Repaired};
use relink_core::plan::SignalResult;
use relink_core::signal::{KnownEvent, LISTED, Signal, SignalKind, SignalSource};
use relink_store::Applied;

/// The same event as Cobalt lists it: the same id, and no bytes to compare.
fn listed(signal: &Signal) -> Signal {
    let (digest, source) = (LISTED.to_owned(), SignalSource::Reconcile);
    Signal { digest, source, error_type: None, trace: None, ..signal.clone() }
}

async fn an_event_listed_and_posted_is_applied_once_in_either_order(world: World) {
    let posted = |n| world.signal(&format!("e{n}"), &format!("acc{n}"), LoginRequired);
    for (first, second) in [(posted(1), listed(&posted(1))), (listed(&posted(2)), posted(2))] {
        let opened = world.apply(first.clone()).await;
        assert_eq!(opened.result, SignalResult::Opened);
        let before = world.history(opened.case_id.unwrap()).await;
        world.advance(DAY);
        for again in [second.clone(), first, second] {
            let applied = world.apply(again).await;
            assert_eq!(
                (applied.result, applied.case_id),
                (SignalResult::Duplicate, opened.case_id)
            );
        }
        assert_eq!(world.history(opened.case_id.unwrap()).await, before);
    }
    let batch = [posted(3), listed(&posted(3)), listed(&posted(4)), posted(4)];
    let applied = world.store.apply_signals(&batch).await.unwrap();
    let results: Vec<_> = applied.iter().map(|applied| applied.result).collect();
    let (opened, repeated) = (SignalResult::Opened, SignalResult::Duplicate);
    assert_eq!(results, [opened, repeated, opened, repeated]);
}

async fn a_listed_event_that_says_something_else_than_the_posted_one_changes_nothing(world: World) {
    let case = world.open_case("acc").await;
    let before = world.history(case).await;
    let posted = world.signal("event for acc", "acc", LoginRequired);
    for other in [
        Signal { account_ref: account_ref("another"), ..listed(&posted) },
        Signal { kind: Repaired, ..listed(&posted) },
    ] {
        let applied = world.apply(other).await;
        assert_eq!(applied, Applied { result: SignalResult::IdReused, case_id: None, planned: 0 });
    }
    assert_eq!(world.history(case).await, before);
}

async fn what_is_on_record_of_events_can_be_asked(world: World) {
    let signals: Vec<_> =
        (0..3).map(|n| world.signal(&format!("e{n}"), &format!("acc{n}"), LoginRequired)).collect();
    world.store.apply_signals(&signals[..2]).await.unwrap();
    let ids: Vec<_> = signals.iter().rev().map(|signal| signal.event_id.clone()).collect();
    let mut known = world.store.known_events(&ids).await.unwrap();
    known.sort_by_key(|event| event.event_id.to_string());
    assert_eq!(known, signals[..2].iter().map(KnownEvent::from).collect::<Vec<_>>());
    assert!(world.store.known_events(&[]).await.unwrap().is_empty());
}

on_both!(
    an_event_listed_and_posted_is_applied_once_in_either_order,
    a_listed_event_that_says_something_else_than_the_posted_one_changes_nothing,
    what_is_on_record_of_events_can_be_asked,
);
