//! HTTP as its peers meet it: real sockets, peers that are slow, silent, greedy or rude.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

mod answers;
mod bodies;
mod calls;
mod handover;
mod limits;
mod problems;
mod reuse;
mod stopping;
