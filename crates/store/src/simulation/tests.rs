//! The promises hold over many runs, everything has been reached, and each flaw is noticed.

use super::coverage::Coverage;
use super::flaw::Flaw;
use super::run::{Start, explain, run};
use relink_core::attempt::OutcomeKind;
use relink_core::plan::SignalResult;
use std::time::{Duration, Instant};

/// The longest run, in choices.
const STEPS: usize = 2_000;

/// Runs of an ordinary test: over a million steps.
const RUNS: u64 = 2_000;

/// Seeds within which a flaw must be noticed.
const SEEDS_FOR_A_FLAW: u64 = 100;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[test]
fn the_promises_hold_in_every_interleaving_tried() {
    let first = setting("RELINK_SIMULATE_SEED").unwrap_or(1);
    let minutes = setting("RELINK_SIMULATE_MINUTES");
    let runs = setting("RELINK_SIMULATE_RUNS").unwrap_or(if minutes.is_some() {
        u64::MAX - first
    } else {
        RUNS
    });
    let steps = setting("RELINK_SIMULATE_STEPS").map_or(STEPS, |n| usize::try_from(n).unwrap());
    let limit = minutes.map_or(Duration::MAX, |minutes| Duration::from_secs(60 * minutes));

    let started = Instant::now();
    let (mut coverage, mut moves, mut done) = (Coverage::default(), 0, 0);
    let mut longest = (0, first);
    for seed in first..first + runs {
        let start = Start { seed, steps, flaw: None };
        let ran = run(start, coverage);
        if ran.kept.is_err() {
            panic!("{}", explain(start));
        }
        coverage = ran.coverage;
        (moves, done) = (moves + ran.moves, done + 1);
        longest = longest.max((ran.moves, seed));
        if started.elapsed() > limit {
            break;
        }
    }
    let took = started.elapsed().as_secs_f64();
    println!(
        "{done} runs, {moves} steps, {} different situations of a notification, in {took:.1} s; \
         the longest run is that of seed {} with {} steps\n{coverage}",
        coverage.situations(),
        longest.1,
        longest.0
    );
    if done >= RUNS && steps >= STEPS {
        everything_was_reached(&coverage);
    }
}

/// Whatever the decisions can say must have been said, or the test proves less than it seems to.
fn everything_was_reached(coverage: &Coverage) {
    let reached = |what: &str, words: &[&str]| {
        for word in words {
            assert!(coverage.count(what, word) > 0, "{what}: \"{word}\" was never reached");
        }
    };
    let signals: Vec<&str> = SignalResult::ALL.iter().map(|word| word.as_str()).collect();
    reached("signal", &signals);
    let outcomes: Vec<&str> = OutcomeKind::ALL.iter().map(|word| word.as_str()).collect();
    reached("outcome", &outcomes);
    reached("gate", &["send", "send again", "look up", "not now"]);
    reached("gate state", &["planned", "doubtful", "sent", "skipped", "cancelled", "dead"]);
    reached("gate reason", &GATE_REASONS);
    reached("look", &["found", "refused", "absent", "unavailable"]);
    reached("recorded state", &RECORDED_STATES);
    reached("recorded reason", &["found_by_look_up", "retries_exhausted", "in_doubt"]);
    reached("lease", &["renewed", "lost to another worker"]);
    reached("crash", &CRASHES);
    reached("proof", &["closed", "overtaken"]);
    reached("put off", &["waits", "waits on", "not now", "patience over", "left to gate"]);
    reached("case", &["held", "released", "closed", "expired", "a notification put back"]);
}

const GATE_REASONS: [&str; 9] = [
    "accepted",
    "case_closed",
    "case_expired",
    "contact_removed",
    "crashed",
    "in_doubt",
    "late",
    "no_usable_channel",
    "operator_hold",
];

const RECORDED_STATES: [&str; 7] =
    ["cancelled", "dead", "doubtful", "failed", "late", "planned", "sent"];

const CRASHES: [&str; 10] = [
    "planner before its commit",
    "planner after its commit",
    "scheduler after its claim",
    "before the gate",
    "between intent and call",
    "while the provider has it",
    "between answer and record",
    "while it looks",
    "between look and record",
    "between record and settlement",
];

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [1, 2, 3] {
        let start = Start { seed, steps: STEPS, flaw: None };
        let [first, second] = [(); 2].map(|()| run(start, Coverage::default()));
        assert_eq!(first.moves, second.moves);
        assert_eq!(first.coverage.to_string(), second.coverage.to_string());
        assert_eq!(first.coverage.situations(), second.coverage.situations());
    }
}

#[test]
fn every_flaw_is_noticed() {
    for flaw in Flaw::ALL {
        let broken = (1..=SEEDS_FOR_A_FLAW).find_map(|seed| {
            let start = Start { seed, steps: STEPS, flaw: Some(flaw) };
            run(start, Coverage::default()).kept.err().map(|broken| (seed, broken))
        });
        let Some((seed, broken)) = broken else { panic!("{flaw:?} was never noticed") };
        println!("{flaw:?}: seed {seed}: {}", broken.0);
    }
}

#[test]
fn a_failure_is_told_as_a_short_story() {
    let steps = STEPS;
    let fails = |seed: &u64| {
        let start = Start { seed: *seed, steps, flaw: Some(Flaw::RetriesBlindly) };
        run(start, Coverage::default()).kept.is_err()
    };
    let seed = (1..=SEEDS_FOR_A_FLAW).find(fails).unwrap();
    let told = explain(Start { seed, steps, flaw: Some(Flaw::RetriesBlindly) });
    assert!(told.contains("arrived 2 times with 0 doubts"), "{told}");
    assert!(told.contains("ends: Unknown"), "{told}");
    assert!(told.contains(&format!("RELINK_SIMULATE_SEED={seed} ")), "{told}");
    assert!(told.lines().count() < 60, "{told}");
    println!("{told}");
}
