//! Faults at random under a steady load, by a seed that brings them back. Ends 0 when every
//! promise was kept and 1 when one was broken; prints the seed first, and every step.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that is a program of its own"
)]

mod faults;

use faults::{Fault, World};
use relink_tests::{Channels, Ledger, Setup, Stage, private_servers};
use std::time::{Duration, Instant};

/// Events a second.
const RATE: u32 = 20;

/// For each thing that is waited for at the end: retries may be ten minutes away.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

struct Wish {
    minutes: f64,
    seed: u64,
}

fn main() {
    let Some(wish) = wish() else {
        eprintln!("usage: chaos [--minutes N] [--seed S]");
        std::process::exit(2);
    };
    println!("seed {}, {} min: the same seed brings the same steps", wish.seed, wish.minutes);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // A broken promise panics: exit code 101 would be a stranger's.
    let ended = std::panic::catch_unwind(|| runtime.block_on(run(&wish)));
    if ended.is_err() {
        println!("FAILED with seed {}", wish.seed);
        std::process::exit(1);
    }
}

fn wish() -> Option<Wish> {
    let mut wish = Wish { minutes: 20.0, seed: fastrand::u64(..) };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--minutes" => wish.minutes = value.parse().ok()?,
            "--seed" => wish.seed = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(wish)
}

async fn run(wish: &Wish) {
    let (broker, database, servers) = private_servers().await;
    let accounts = (wish.minutes * 60.0 * f64::from(RATE)) as usize + 60 * RATE as usize;
    let setup = Setup { servers, accounts, channels: Channels::Alternating };
    let mut stage = Stage::open(setup).await;
    stage.add_worker().await;
    let load = stage.load(RATE);
    load.reaches(2 * RATE as usize).await;

    let (repaired, unsure) = Default::default();
    let mut world = World { stage, broker, database, repaired, unsure };
    let mut random = fastrand::Rng::with_seed(wish.seed);
    let started = Instant::now();
    let mut steps = 0;
    while started.elapsed().as_secs_f64() < wish.minutes * 60.0 {
        let fault = Fault::draw(&mut random);
        steps += 1;
        let at = started.elapsed().as_secs();
        println!("seed {} step {steps} at {at} s, event {}: {fault:?}", wish.seed, load.sent());
        world.strike(fault, &load).await;
    }
    println!("{steps} steps done, waiting for the rest");
    world.stage.until_running().await;
    let told = load.stop_after(RATE as usize).await;
    let ledger = Ledger { repaired: world.repaired, unsure: world.unsure, ..told };
    println!("answers by status: {:?}", ledger.statuses());
    let verdict = world.stage.verdict_within(PATIENCE, &ledger).await;
    let (repaired, unsure) = (ledger.repaired.len(), ledger.unsure.len());
    println!("repaired under load {repaired}, none told afterwards; without an answer {unsure}");
    println!("seed {} | {steps} steps | {verdict}", wish.seed);
}
