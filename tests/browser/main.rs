//! What people see, in a real browser: headless Chromium over the real program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a scenario fails by panicking"
)]

mod clinic;
mod harness;
mod journey;
mod scanners;
mod states;
