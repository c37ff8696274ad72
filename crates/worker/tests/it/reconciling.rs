//! What no webhook brought is found in Cobalt's list, applied once, and never told twice.

use crate::support::*;
use relink_core::plan::SignalResult;
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::{after, earlier};
use relink_store::{CaseFilter, CaseStore as _, MarkStore as _, SignalStore as _};
use relink_worker::reconcile::{MARK, RoundError, Tally, Wish};
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DRY: Wish = Wish { since: None, dry_run: true };

async fn cases(world: &World) -> usize {
    world.store.cases(&CaseFilter { limit: 1_000, ..CaseFilter::default() }).await.unwrap().len()
}

/// Lists seven missed events of seven accounts, which are three pages.
fn seven(world: &World, list: &FakeList) {
    for n in 0..7 {
        list.list(missed(&format!("e{n}"), &format!("clinic_{n}"), world.now()));
    }
}

#[tokio::test]
async fn missed_events_become_cases_once() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    seven(&world, &list);
    // What is not ours is listed too, and left alone.
    let mut other = missed("other", "clinic_1", world.now());
    other.event_type = "appointment.created".to_owned();
    list.list(other);
    world.register("clinic_0").await;
    let reconciler = world.reconciler(&list);

    let first = world.round(&reconciler).await;
    assert_eq!((first.ours, first.found, first.known), (7, 7, 0));
    assert_eq!(cases(&world).await, 7);
    assert_eq!(world.metric("relink_reconcile_found_total"), 7.0);
    // The scheduler hears of what was planned.
    soon("a hint to the scheduler", world.planned.notified()).await;

    let second = world.round(&reconciler).await;
    assert_eq!((second.ours, second.found, second.known), (7, 0, 7));
    assert_eq!(cases(&world).await, 7);
    assert_eq!(world.metric("relink_reconcile_found_total"), 7.0);
    assert_eq!(world.metric(r#"relink_reconcile_rounds_total{result="complete"}"#), 2.0);
}

#[tokio::test]
async fn the_first_look_goes_as_far_as_told_and_later_ones_overlap_two_days() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    let reconciler = world.reconciler(&list);
    let asked_from = || list.asked().last().unwrap().from.clone();
    let day = |at| relink_core::time::utc_day(at).to_string();

    world.round(&reconciler).await;
    assert_eq!(asked_from(), day(earlier(world.now(), DAY)));
    let mark = || async { world.store.mark(MARK).await.unwrap().reached };
    assert_eq!(mark().await, Some(world.now()));

    // An outage of a week is looked at as a whole.
    let down_at = world.now();
    world.advance(7 * DAY);
    world.round(&reconciler).await;
    assert_eq!(asked_from(), day(earlier(down_at, 2 * DAY)));
    assert_eq!(mark().await, Some(world.now()));

    // A longer look counts as a round, a shorter one does not: it leaves a gap before it.
    let reached = world.now();
    for (days, moved) in [(0, false), (5, true)] {
        world.advance(MINUTE);
        let wish = Wish { since: Some(earlier(world.now(), days * DAY)), dry_run: false };
        reconciler.round(&wish).await.unwrap().unwrap();
        assert_eq!(asked_from(), day(wish.since.unwrap()));
        assert_eq!(mark().await, Some(if moved { world.now() } else { reached }), "{days}");
    }
}

#[tokio::test]
async fn an_event_listed_for_several_urls_and_pages_counts_once() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    for n in 0..4 {
        for _url in 0..2 {
            list.list(missed(&format!("e{n}"), &format!("clinic_{n}"), world.now()));
        }
    }
    let reconciler = world.reconciler(&list);
    let dry = reconciler.round(&DRY).await.unwrap().unwrap();
    assert_eq!((dry.ours, dry.found, dry.repeated), (8, 4, 4));
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.ours, tally.found, tally.known, tally.repeated), (8, 4, 0, 4));
    assert_eq!(cases(&world).await, 4);
}

#[tokio::test]
async fn a_webhook_before_or_after_makes_no_second_case() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    for id in ["before", "after"] {
        list.list(missed(id, &format!("of {id}"), world.now()));
    }
    let posted = |id: &str| world.signal(id, &format!("of {id}"), SignalKind::LoginRequired);
    world.store.apply_signals(&[posted("before")]).await.unwrap();
    let tally = world.round(&world.reconciler(&list)).await;
    assert_eq!((tally.known, tally.found), (1, 1));
    let late = world.store.apply_signals(&[posted("before"), posted("after")]).await.unwrap();
    assert!(late.iter().all(|applied| applied.result == SignalResult::Duplicate), "{late:?}");
    assert_eq!(cases(&world).await, 2);
}

#[tokio::test]
async fn an_event_older_than_the_last_repair_is_recorded_and_nobody_is_told() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    list.list(missed("old", "clinic_1", world.now()));
    let case = world.open_case("clinic_1").await;
    let repaired = world.signal("repair", "clinic_1", SignalKind::Repaired);
    world.store.apply_signals(&[repaired]).await.unwrap();
    world.advance(MINUTE);
    let tally = world.round(&world.reconciler(&list)).await;
    assert_eq!((tally.found, tally.stale), (1, 1));
    assert_eq!(cases(&world).await, 1);
    assert!(!world.history(case).await.case.is_open());
    let known = world.store.known_events(&["old".parse().unwrap()]).await.unwrap();
    assert_eq!(known.len(), 1);
}

#[tokio::test]
async fn a_young_event_is_left_to_its_webhook_where_there_are_webhooks() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    list.list(event("young", "clinic_1", earlier(world.now(), MINUTE)));
    list.list(event("of the future", "clinic_2", after(world.now(), MINUTE)));
    let reconciler = world.reconciler(&list);
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.waiting, tally.found), (2, 0));
    assert_eq!(cases(&world).await, 0);
    world.advance(MINUTE);
    assert_eq!(world.round(&reconciler).await.found, 1);

    let world = World::new().await;
    let mut alone = world.reconciler(&list);
    alone.pace.leave_to_webhook = Duration::ZERO;
    assert_eq!(world.round(&alone).await.found, 2);
}

#[tokio::test]
async fn the_id_of_another_event_is_told_of_and_changes_nothing() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    list.list(missed("e1", "clinic_1", world.now()));
    let posted = world.signal("e1", "clinic_2", SignalKind::LoginRequired);
    world.store.apply_signals(&[posted]).await.unwrap();
    let tally = world.round(&world.reconciler(&list)).await;
    assert_eq!((tally.contradicting, tally.found, tally.known), (1, 0, 0));
    assert_eq!(cases(&world).await, 1);
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    seven(&world, &list);
    let posted = world.signal("e0", "clinic_0", SignalKind::LoginRequired);
    world.store.apply_signals(&[posted]).await.unwrap();
    let reconciler = world.reconciler(&list);
    let tally = reconciler.round(&DRY).await.unwrap().unwrap();
    assert_eq!((tally.found, tally.known), (6, 1));
    assert_eq!(cases(&world).await, 1);
    assert_eq!(world.store.mark(MARK).await.unwrap().reached, None);
    for written in ["take_turn", "end_turn"] {
        assert!(world.store.asked(written).is_empty(), "{written}");
    }
    assert_eq!(world.metric("relink_reconcile_found_total"), 0.0);
    assert_eq!(world.round(&reconciler).await.found, 6);
}

#[tokio::test]
async fn what_is_found_says_where_it_comes_from() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    let listed = missed("e1", "clinic_1", world.now());
    list.list(listed.clone());
    world.round(&world.reconciler(&list)).await;
    let found = world.store.cases(&CaseFilter { limit: 1, ..CaseFilter::default() }).await.unwrap();
    let history = world.history(found[0].id).await;
    let Signal { source, occurred_at, received_at, .. } = &history.signals[0].signal;
    assert_eq!(*source, SignalSource::Reconcile);
    assert_eq!((*occurred_at, *received_at), (listed.created_at.unwrap(), world.now()));
}

#[tokio::test]
async fn a_list_without_an_end_ends_with_an_error() {
    for (how, expected) in [(Endless::Growing, 1_000), (Endless::Stuck, 2)] {
        let world = World::new().await;
        let list = Arc::new(FakeList::default());
        list.never_end(how);
        let error = world.reconciler(&list).round(&DRY).await.unwrap_err();
        assert_eq!(error, RoundError::Endless { pages: expected }, "{how:?}");
        assert!(error.to_string().contains("has no end"), "{error}");
    }
}

#[tokio::test]
async fn an_empty_list_is_a_complete_round() {
    let world = World::new().await;
    let tally = world.round(&world.reconciler(&Arc::default())).await;
    assert_eq!(tally, Tally { pages: 2, ..Tally::default() });
    assert_eq!(world.store.mark(MARK).await.unwrap().reached, Some(world.now()));
}
