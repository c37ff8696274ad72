//! The system in one thread, without a clock, a disk or a network: the real decisions of
//! `relink_core` and of `changes`, over rows in memory, under everything that can happen between
//! any two steps. One seed is one run, and plays again the same (docs/adr/0006).
//!
//! `scripts/simulate` runs it for as long as one likes. `RELINK_SIMULATE_SEED` names the first
//! seed, `RELINK_SIMULATE_RUNS` how many follow, `RELINK_SIMULATE_STEPS` the longest run.

mod courier;
mod coverage;
mod events;
mod flaw;
mod ledger;
mod people;
mod promises;
mod provider;
mod queue;
mod rest;
mod run;
mod tape;
mod tests;
mod transactions;
mod workers;
mod world;

use promises::Broken;
