//! The whole system seen from outside; file name = scenario.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a scenario fails by panicking"
)]

mod app_events;
mod audit;
mod breaker;
mod commands;
mod demo;
mod guards;
mod kill;
mod main_job;
mod outcome;
mod quarantine;
mod reconcile;
mod rolling;
