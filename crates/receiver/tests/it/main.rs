//! The receiver from outside: real sockets, a real segment log in a folder of its own, and a
//! queue that does on command what brokers do when they are unwell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

mod abuse;
mod accepted;
mod answers_after_broker;
mod disk_trouble;
mod forwarding;
mod fuzz;
mod logs;
mod malformed_http;
mod quarantine;
mod refused;
mod stopping;
