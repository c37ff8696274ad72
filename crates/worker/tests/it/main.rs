//! The worker's duties against a real store on a clock moved by hand, a queue and a provider
//! that do what the scenario says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

mod auto_replaying;
mod circuit;
mod delivering;
mod doubts;
mod leases;
mod order;
mod outcomes;
mod planning;
mod planning_faults;
mod probing;
mod rechecking;
mod reconciling;
mod reconciling_accounts;
mod reconciling_faults;
mod repairs;
mod scheduling;
mod stopping;
mod telling;
mod time_zones;
mod upkeep;
