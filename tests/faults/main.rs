//! Delivery under every fault that one Linux machine can produce; file name = theme. Which row
//! of `docs/faults.md` each test shows is in `matrix.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod broker;
mod cgroups;
mod clocks;
mod cluster;
mod database;
mod disks;
mod inputs;
mod keys;
mod matrix;
mod names;
mod network;
mod packets;
mod points;
mod processes;
mod providers;
mod replay;
mod seen;
