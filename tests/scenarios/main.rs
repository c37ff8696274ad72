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
mod canaries;
mod commands;
mod demo;
mod guards;
mod in_app;
mod keys;
mod kill;
mod main_job;
mod outcome;
mod probe;
mod quarantine;
mod reconcile;
mod rolling;
mod webhook;
