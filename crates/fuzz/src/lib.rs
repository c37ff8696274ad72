//! Bad input for every parser that reads from outside: kept examples (`corpus/` of each crate)
//! as they are, and damaged in many ways. A dev-dependency of the crates whose parsers it feeds;
//! no part of the program. Why it is our own: docs/adr/0008.
//!
//! Deterministic: a test's name is its seed, so that an ordinary run is the same everywhere.
//! `scripts/fuzz` runs the same targets with fresh seeds for as long as it is told to.

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "test support: whatever goes wrong here fails the test at once, by its own words"
)]

mod random;

mod mutate;
mod words;

mod corpus;
mod target;

pub use random::Random;
pub use target::Target;
