//! The one replay that a dead letter gets without an operator: what is replayed and when, what is
//! written down, and what a fault leaves.

use crate::support::*;
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use relink_core::wire::Topic;
use relink_queue::{AutoReplay, DeadLetter, DeadLetters, QueueError};
use relink_store::{OperatorStore as _, StoreError};
use relink_worker::auto_replay::AutoReplayer;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const AFTER: Duration = Duration::from_secs(600);

/// Dead letters in memory.
#[derive(Clone, Default)]
struct Letters(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    dead: Vec<DeadLetter>,
    replayed: Vec<String>,
    /// Replays until the broker is gone.
    room: Option<usize>,
    looks: usize,
}

fn gone() -> QueueError {
    QueueError::Unreachable { place: "nowhere".into(), why: "on purpose".into() }
}

impl Letters {
    fn of(letters: &[DeadLetter]) -> Self {
        Self(Arc::new(Mutex::new(State { dead: letters.to_vec(), ..State::default() })))
    }

    fn left(&self) -> Vec<String> {
        self.0.lock().unwrap().dead.iter().map(|letter| letter.id.clone()).collect()
    }

    fn looks(&self) -> usize {
        self.0.lock().unwrap().looks
    }

    fn replayed(&self) -> Vec<String> {
        self.0.lock().unwrap().replayed.clone()
    }
}

#[async_trait::async_trait]
impl DeadLetters for Letters {
    async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut state = self.0.lock().unwrap();
        state.looks += 1;
        Ok(state.dead.iter().take(limit).cloned().collect())
    }
    async fn count(&self) -> Result<u64, QueueError> {
        Ok(self.0.lock().unwrap().dead.len() as u64)
    }
    async fn replay(&self, _: &str) -> Result<(), QueueError> {
        unreachable!("an operator's")
    }
    async fn discard(&self, _: &str) -> Result<(), QueueError> {
        unreachable!("an operator's")
    }
}

#[async_trait::async_trait]
impl AutoReplay for Letters {
    async fn auto_replay(&self, ids: &[String]) -> Result<Vec<String>, QueueError> {
        let mut state = self.0.lock().unwrap();
        if state.room == Some(0) {
            return Err(gone());
        }
        let room = state.room.unwrap_or(usize::MAX);
        let done: Vec<String> = ids.iter().take(room).cloned().collect();
        state.dead.retain(|letter| !done.contains(&letter.id));
        state.replayed.extend(done.clone());
        Ok(done)
    }
}

fn replayer(world: &World, letters: &Letters, worker: &str) -> AutoReplayer {
    AutoReplayer {
        letters: Box::new(letters.clone()),
        store: world.shared(),
        metrics: world.metrics.clone(),
        worker: WorkerId::parse(worker).unwrap(),
        after: AFTER,
        failures: Default::default(),
    }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Dead of the delivery limit at this second.
fn letter(id: &str, died_at: i64) -> DeadLetter {
    DeadLetter {
        id: id.to_owned(),
        topic: Some(Topic::Signals),
        message_id: id.to_owned(),
        reason: "delivery_limit".to_owned(),
        died_at: Some(second(died_at)),
        body: Default::default(),
        trace: None,
        auto_replayed: false,
    }
}

/// Operator, subject and detail of every entry.
async fn entries(world: &World) -> Vec<(String, String, String)> {
    let entries = world.store.operator_log(0, 1000).await.unwrap();
    assert!(entries.iter().all(|entry| entry.action == "dead_replay"));
    assert!(entries.iter().all(|entry| entry.subject_kind == "letter"));
    entries.into_iter().map(|entry| (entry.operator, entry.subject_id, entry.detail)).collect()
}

fn entry(id: &str, detail: &str) -> (String, String, String) {
    ("worker:host/1/a".to_owned(), id.to_owned(), detail.to_owned())
}

const INTENT: &str = r#"{"phase":"intent"}"#;
const DONE: &str = r#"{"phase":"result","result":"done"}"#;
const FAILED: &str = r#"{"phase":"result","result":"failed"}"#;

#[tokio::test]
async fn a_letter_is_replayed_when_its_time_is_up_on_record_and_counted() {
    let world = World::new().await;
    let junk = DeadLetter { reason: "malformed".to_owned(), ..letter("junk", 0) };
    let again = DeadLetter { auto_replayed: true, ..letter("again", 0) };
    let letters = Letters::of(&[junk, letter("good", 1000), again, letter("young", 1500)]);
    let replayer = replayer(&world, &letters, "host/1/a");

    let pause = replayer.round(second(1599)).await.unwrap();
    assert_eq!((pause, letters.left().len()), (Duration::from_secs(1), 4));
    assert_eq!(entries(&world).await, []);

    let pause = replayer.round(second(1600)).await.unwrap();
    assert_eq!(pause, Duration::from_secs(500), "the young one's time");
    assert_eq!(letters.replayed(), ["good"]);
    assert_eq!(letters.left(), ["junk", "again", "young"]);
    assert_eq!(entries(&world).await, [entry("good", INTENT), entry("good", DONE)]);
    assert_eq!(world.metric("relink_dead_letters_auto_replayed_total"), 1.0);
}

#[tokio::test]
async fn nobody_looks_where_no_letter_is() {
    let world = World::new().await;
    let letters = Letters::default();
    let pause = replayer(&world, &letters, "host/1/a").round(second(0)).await.unwrap();
    assert_eq!((pause, letters.looks()), (AFTER, 0));
    assert!(world.store.asked("take_turn").is_empty());
}

#[tokio::test]
async fn one_worker_at_a_time_goes_round() {
    let world = World::new().await;
    let letters = Letters::of(&[letter("good", 0)]);
    let (one, other) =
        (replayer(&world, &letters, "host/1/a"), replayer(&world, &letters, "host/2/b"));
    // The first falls silent in the middle of its round.
    world.store.fall_silent("record");
    let at_it = tokio::spawn(async move { one.round(second(5000)).await });
    until("the first to write its intent", || !world.store.asked("record").is_empty()).await;
    let pause = other.round(second(5000)).await.unwrap();
    assert!(pause < AFTER, "looks again soon: {pause:?}");
    assert_eq!(letters.looks(), 1);
    assert_eq!(letters.left(), ["good"]);
    at_it.abort();
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_replayed() {
    let world = World::new().await;
    let letters = Letters::of(&[letter("good", 0)]);
    let replayer = replayer(&world, &letters, "host/1/a");
    world.store.fail("record", 1, &StoreError::Unavailable("on purpose".into()));
    assert!(replayer.round(second(5000)).await.is_err());
    assert_eq!((letters.replayed().len(), letters.left().len()), (0, 1));
    // The turn was given back: the next round is at once.
    replayer.round(second(5000)).await.unwrap();
    assert_eq!(letters.replayed(), ["good"]);
}

#[tokio::test]
async fn a_broker_that_goes_away_leaves_the_rest_for_a_round_soon() {
    let world = World::new().await;
    let letters = Letters::of(&[letter("1", 0), letter("2", 0), letter("3", 0)]);
    let replayer = replayer(&world, &letters, "host/1/a");
    letters.0.lock().unwrap().room = Some(1);
    let pause = replayer.round(second(5000)).await.unwrap();
    assert!(pause < AFTER, "{pause:?}");
    assert_eq!(letters.left(), ["2", "3"]);
    letters.0.lock().unwrap().room = Some(0);
    // From now on one letter tries the way, less and less often.
    let longer = replayer.round(second(5000)).await.unwrap();
    assert_eq!(longer, 2 * pause);
    letters.0.lock().unwrap().room = None;
    assert_eq!(replayer.round(second(5000)).await.unwrap(), Duration::ZERO);
    assert_eq!(replayer.round(second(5000)).await.unwrap(), AFTER);
    assert_eq!(letters.replayed(), ["1", "2", "3"]);
    let ended: Vec<_> =
        entries(&world).await.into_iter().filter(|(_, _, detail)| detail != INTENT).collect();
    let first = [entry("1", DONE), entry("2", FAILED), entry("3", FAILED)];
    let then = [entry("2", FAILED), entry("2", DONE), entry("3", DONE)];
    assert_eq!(ended, [&first[..], &then].concat());
    assert_eq!(world.metric("relink_dead_letters_auto_replayed_total"), 3.0);
}

#[tokio::test(start_paused = true)]
async fn it_goes_round_until_it_is_told_to_stop() {
    let world = World::new().await;
    let letters = Letters::of(&[letter("good", 0)]);
    let replayer = replayer(&world, &letters, "host/1/a");
    world.store.fail("take_turn", 2, &StoreError::Unavailable("on purpose".into()));
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let running = tokio::spawn(async move { replayer.run(stopping).await });
    until("the letter to be replayed", || letters.replayed() == ["good"]).await;
    assert_eq!(world.store.asked("take_turn").len(), 3);
    stop.cancel();
    soon("its end", running).await.unwrap();
}
