//! Sending from outside: real sockets, and a relay that does on command what relays do when they
//! are unwell, slow, strict or hostile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod relay;
mod session;
mod support;

mod arriving;
mod fuzz;
mod login;
mod refusals;
mod reuse;
mod silence;
mod tls;
mod unreadable;
