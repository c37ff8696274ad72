//! Rounds that break off, are taken over, or run beside others: the mark moves only past what was
//! seen, and nothing that was found is lost.

use crate::support::*;
use relink_cobalt::{CobaltError, EventFilter, EventsPage};
use relink_core::arrears::TRIES;
use relink_core::id::WorkerId;
use relink_core::time::{earlier, utc_day};
use relink_store::{CaseFilter, CaseStore as _, MarkStore as _, Progress, Store, StoreError};
use relink_worker::reconcile::{EventList, MARK, Reconciler, RoundError, Wish};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const TURN: Duration = Duration::from_secs(120);

/// Between the rounds of a worker that runs.
const EVERY: Duration = Duration::from_secs(30);

async fn cases(world: &World) -> usize {
    world.store.cases(&CaseFilter { limit: 1_000, ..CaseFilter::default() }).await.unwrap().len()
}

/// Whether a round was complete, and not only begun.
async fn reached(world: &World) -> bool {
    world.store.mark(MARK).await.unwrap().reached == Some(world.now())
}

fn seven(world: &World) -> Arc<FakeList> {
    let list = Arc::new(FakeList::default());
    for n in 0..7 {
        list.list(missed(&format!("e{n}"), &format!("clinic_{n}"), world.now()));
    }
    list
}

#[tokio::test]
async fn a_list_that_fails_in_the_middle_keeps_what_it_gave_and_the_mark_where_it_was() {
    let world = World::new().await;
    let list = seven(&world);
    list.fail(None, 3, 1, &refusal(502));
    let reconciler = world.reconciler(&list);
    let error = reconciler.round(&Wish::default()).await.unwrap_err();
    assert_eq!(error, RoundError::Cobalt(refusal(502)));
    assert_eq!(cases(&world).await, 6);
    assert!(!reached(&world).await);
    // The turn is given back, so that the next round need not wait for its end.
    assert_eq!(world.round(&reconciler).await.found, 1);
    assert!(reached(&world).await);
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_leaves_the_mark_where_it_was() {
    for what in ["known_events", "apply_signals"] {
        let world = World::new().await;
        let reconciler = world.reconciler(&seven(&world));
        world.store.fail(what, 1, &StoreError::Unavailable("on purpose".into()));
        let error = reconciler.round(&Wish::default()).await.unwrap_err();
        assert!(matches!(error, RoundError::Store(_)), "{what}: {error}");
        assert!(!reached(&world).await);
        assert_eq!(world.round(&reconciler).await.found, 7, "{what}");
    }
}

#[tokio::test]
async fn an_event_that_the_store_refuses_costs_no_other_and_is_looked_at_again() {
    let world = World::new().await;
    let reconciler = world.reconciler(&seven(&world));
    // The first page's batch, and then the first of its three alone.
    world.store.fail("apply_signals", 2, &StoreError::Refused("on purpose".into()));
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.found, tally.refused, tally.is_complete()), (6, 1, false));
    assert!(!reached(&world).await);
    assert_eq!(world.round(&reconciler).await.found, 1);
    assert!(reached(&world).await);
}

#[tokio::test]
async fn an_event_that_the_store_always_refuses_holds_up_the_others_only_so_long() {
    let world = World::new().await;
    let list = Arc::new(FakeList::default());
    list.list(missed("bad", "clinic_1", world.now()));
    let reconciler = world.reconciler(&list);
    // In its batch, and alone, with every round.
    let times = 2 * usize::try_from(TRIES).unwrap();
    world.store.fail("apply_signals", times, &StoreError::Refused("on purpose".into()));
    for round in 1..=TRIES {
        let tally = world.round(&reconciler).await;
        let is_last = round == TRIES;
        assert_eq!((tally.owed, tally.set_aside), if is_last { (0, 1) } else { (1, 0) });
        assert_eq!((tally.refused, tally.is_complete()), (1, is_last), "{round}");
        assert_eq!(reached(&world).await, is_last, "{round}");
    }
    // It is tried again for as long as it is listed.
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.found, tally.set_aside), (1, 0));
}

#[tokio::test]
async fn a_first_round_that_breaks_off_looks_from_the_same_day_on_however_late_it_comes() {
    let world = World::new().await;
    let list = seven(&world);
    let started = world.now();
    list.fail(None, 1, 1, &refusal(502));
    let reconciler = world.reconciler(&list);
    reconciler.round(&Wish::default()).await.unwrap_err();
    world.advance(9 * DAY);
    assert_eq!(world.round(&reconciler).await.found, 7);
    let from = list.asked().last().unwrap().from.clone();
    let first = earlier(started, DAY);
    assert!(from <= utc_day(first).to_string(), "{from} is after {first}");
}

#[tokio::test]
async fn one_worker_of_many_goes_round() {
    let world = World::new().await;
    let list = seven(&world);
    let other = WorkerId::parse("another/1").unwrap();
    world.store.take_turn(MARK, &other, TURN).await.unwrap().unwrap();
    let reconciler = world.reconciler(&list);
    assert_eq!(reconciler.round(&Wish::default()).await, Ok(None));
    assert!(list.asked().is_empty());
    // Looking is free.
    let dry = Wish { since: None, dry_run: true };
    assert_eq!(reconciler.round(&dry).await.unwrap().unwrap().found, 7);
    // A worker that died does not hold the others up for ever.
    world.advance(TURN);
    assert_eq!(world.round(&reconciler).await.found, 7);
}

/// Lets the turn run out, and another worker take it, before the second page.
struct Thief {
    list: Arc<FakeList>,
    store: Arc<dyn Store>,
    clock: Arc<std::sync::atomic::AtomicI64>,
}

#[async_trait::async_trait]
impl EventList for Thief {
    async fn page(&self, filter: &EventFilter<'_>, page: u32) -> Result<EventsPage, CobaltError> {
        if page == 2 {
            self.clock.fetch_add(120_000, std::sync::atomic::Ordering::SeqCst);
            tokio::time::advance(TURN).await;
            let other = WorkerId::parse("another/1").unwrap();
            self.store.take_turn(MARK, &other, TURN).await.unwrap().unwrap();
        }
        self.list.page(filter, page).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_too_slow_stops_when_another_has_taken_over() {
    let world = World::new().await;
    let list = seven(&world);
    let thief =
        Thief { list: Arc::clone(&list), store: world.shared(), clock: Arc::clone(&world.clock) };
    let reconciler = Reconciler { events: Arc::new(thief), ..world.reconciler(&list) };
    let error = reconciler.round(&Wish::default()).await.unwrap_err();
    assert_eq!(error, RoundError::Overtaken);
    assert!(!reached(&world).await);
    assert_eq!(list.pages(), [(None, 1), (None, 2)]);
    // The turn is still the other's.
    assert_eq!(reconciler.round(&Wish::default()).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_worker_goes_round_at_once_again_after_failures_and_then_every_so_often() {
    let world = World::new().await;
    let list = seven(&world);
    list.fail(None, 1, 2, &refusal(502));
    let stop = CancellationToken::new();
    let (mut reconciler, stopping) = (world.reconciler(&list), stop.clone());
    reconciler.pace.every = EVERY;
    let running = tokio::spawn(async move { reconciler.run(stopping).await });
    let rounds =
        |result| world.metric(&format!(r#"relink_reconcile_rounds_total{{result="{result}"}}"#));
    until("a complete round", || rounds("complete") == 1.0).await;
    assert_eq!(rounds("failed"), 2.0);
    assert_eq!(cases(&world).await, 7);
    let complete = world.metric("relink_reconcile_complete_timestamp_seconds");
    assert_eq!(complete, world.now().as_second() as f64);

    world.advance(EVERY);
    until("the next round", || rounds("complete") == 2.0).await;
    stop.cancel();
    soon("the end of the duty", running).await.unwrap();
    assert_eq!(rounds("failed"), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_round_made_by_another_worker_needs_not_be_made_again() {
    let world = World::new().await;
    let list = seven(&world);
    let stop = CancellationToken::new();
    let (mut reconciler, stopping) = (world.reconciler(&list), stop.clone());
    reconciler.pace.every = EVERY;
    let other = WorkerId::parse("another/1").unwrap();
    world.store.take_turn(MARK, &other, TURN).await.unwrap().unwrap();
    let running = tokio::spawn(async move { reconciler.run(stopping).await });
    until("a first look", || world.store.asked("take_turn").len() >= 2).await;
    let progress = Progress { reached: Some(world.now()), arrears: "[]".to_owned() };
    world.store.end_turn(MARK, &other, Some(&progress)).await.unwrap();
    let looks = world.store.asked("mark").len();
    until("two more looks", || world.store.asked("mark").len() >= looks + 2).await;
    stop.cancel();
    soon("the end of the duty", running).await.unwrap();
    assert!(list.asked().is_empty());
    assert_eq!(
        world.metric("relink_reconcile_complete_timestamp_seconds"),
        world.now().as_second() as f64
    );
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_round_gives_the_turn_back() {
    struct Silent(tokio::sync::Notify);
    #[async_trait::async_trait]
    impl EventList for Silent {
        async fn page(&self, _: &EventFilter<'_>, _: u32) -> Result<EventsPage, CobaltError> {
            self.0.notify_one();
            std::future::pending().await
        }
    }
    let world = World::new().await;
    let silent = Arc::new(Silent(tokio::sync::Notify::new()));
    let reconciler = Reconciler { events: silent.clone(), ..world.reconciler(&Arc::default()) };
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let running = tokio::spawn(async move { reconciler.run(stopping).await });
    soon("a question", silent.0.notified()).await;
    stop.cancel();
    soon("the end of the duty", running).await.unwrap();
    let other = WorkerId::parse("another/1").unwrap();
    assert!(world.store.take_turn(MARK, &other, TURN).await.unwrap().is_some());
    assert!(!reached(&world).await);
}
