//! One run from its seed, and what to show when a promise is not kept.

use super::coverage::Coverage;
use super::flaw::Flaw;
use super::ledger::Ledger;
use super::mirror::Op;
use super::promises::{Broken, Kept};
use super::tape::{shrink, tape};
use super::world::World;
use fastrand::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs to spend on making a failing tape shorter.
const SHRINKING: usize = 2_000;

/// What makes a run what it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) seed: u64,
    /// The length of its tape at most.
    pub(super) steps: usize,
    pub(super) flaw: Option<Flaw>,
}

/// How a run went.
pub(super) struct Ran {
    /// The steps at which anything moved.
    pub(super) moves: u64,
    pub(super) kept: Kept,
    pub(super) story: Vec<String>,
    /// What an id is called in words.
    names: Vec<(String, String)>,
    pub(super) coverage: Coverage,
}

/// Plays the run of this seed.
pub(super) fn run(start: Start, coverage: Coverage) -> Ran {
    // Short runs reach what long ones bury under their history.
    let length = Rng::with_seed(start.seed.rotate_left(32)).usize(start.steps / 8..=start.steps);
    play(start, &tape(start.seed, length), coverage, None)
}

/// Plays a tape in a world of its own.
fn play(start: Start, tape: &[u64], coverage: Coverage, story: Option<Vec<String>>) -> Ran {
    let mut world = World::new(start.seed, start.flaw, coverage);
    world.story = story;
    let (moves, kept) = play_in(&mut world, start.seed, tape);
    let names = names(&world.ledger);
    Ran { moves, kept, names, story: world.story.unwrap_or_default(), coverage: world.coverage }
}

/// Plays a tape, then lets everything come to rest. A panic of the code under test is a promise
/// that was not kept.
fn play_in(world: &mut World, seed: u64, tape: &[u64]) -> (u64, Kept) {
    let mut moves = 0;
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut rng = Rng::with_seed(seed);
        for _ in 0..world.accounts {
            world.put_account(&mut rng)?;
        }
        for word in tape {
            moves += u64::from(world.step(*word)?);
        }
        world.say(|| "the faults stop".to_owned());
        world.come_to_rest(&mut rng)
    }));
    let kept = played.unwrap_or_else(|_| Err(Broken("the code under test panicked".to_owned())));
    (moves, kept)
}

/// The rows at the end of a run, with every operation that led to them.
pub(super) fn recorded(start: Start) -> Ledger {
    let mut world = World::new(start.seed, start.flaw, Coverage::default());
    let first = (world.terms.now, Op::Rules(world.terms.rules.clone()));
    world.ledger.log = Some(vec![first]);
    let (_, kept) = play_in(&mut world, start.seed, &tape(start.seed, start.steps));
    assert_eq!(kept, Ok(()));
    world.ledger
}

/// The shortest way found to the same kind of failure, told in words.
pub(super) fn explain(start: Start) -> String {
    let length = Rng::with_seed(start.seed.rotate_left(32)).usize(start.steps / 8..=start.steps);
    let whole = tape(start.seed, length);
    let fails = |tape: &[u64]| play(start, tape, Coverage::default(), None).kept.is_err();
    let short = shrink(&whole, SHRINKING, fails);
    let ran = play(start, &short, Coverage::default(), Some(Vec::new()));
    let why = ran.kept.err().map_or_else(|| "it does not fail again".to_owned(), |broken| broken.0);
    let mut story = format!("{why}\n  {}", ran.story.join("\n  "));
    for (id, name) in &ran.names {
        story = story.replace(id, name);
    }
    format!(
        "seed {} broke a promise with {} of its {length} choices: {story}\n\
         again: RELINK_SIMULATE_SEED={} RELINK_SIMULATE_RUNS=1 RELINK_SIMULATE_STEPS={}",
        start.seed,
        short.len(),
        start.seed,
        start.steps
    )
}

/// Cases by their number, notifications by what they are.
fn names(ledger: &Ledger) -> Vec<(String, String)> {
    let number = |id| ledger.cases.iter().position(|stored| stored.case.id == id).unwrap_or(0);
    let notifications = ledger.notifications.iter().map(|stored| {
        let row = &stored.notification;
        let case = number(row.case_id);
        let name =
            format!("\"{}\" by {} to {} of case {case}", row.step, row.channel, row.contact_id);
        (row.id.to_string(), name)
    });
    let cases = ledger.cases.iter().map(|stored| stored.case.id);
    notifications.chain(cases.map(|id| (id.to_string(), number(id).to_string()))).collect()
}
