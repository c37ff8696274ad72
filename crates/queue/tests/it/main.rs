//! Both engines under one behaviour suite, and RabbitMQ under the faults that brokers have.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

mod auto_replay;
mod behaviour;
mod behaviour_dead;
mod connect;
mod faults;
mod refused;
mod unroutable;
mod wire;
