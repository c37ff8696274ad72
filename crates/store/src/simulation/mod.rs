//! The system in one thread, without a clock, a disk or a network: the real decisions of
//! `relink_core` and of `changes`, over rows in memory, under everything that can happen between
//! any two steps. One seed is one run, and plays again the same (docs/adr/0007).
//!
//! `scripts/simulate` runs it for as long as one likes. `RELINK_SIMULATE_SEED` names the first
//! seed, `RELINK_SIMULATE_RUNS` how many follow, `RELINK_SIMULATE_STEPS` the longest run.

mod tests;

mod run;
mod tape;

mod world;

mod events;
mod people;

mod answers;
mod asking;
mod courier;
mod provider;
mod queue;
mod rest;
mod workers;

mod ledger;
mod mirror;
mod transactions;

mod coverage;
mod flaw;
mod promises;

use promises::Broken;
