//! What can only go wrong with a server: races between hosts, servers that are lost, full or
//! silent, callers that leave. What both databases must mean by every call is tested elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

#[path = "../support/postgres.rs"]
mod server;
mod world;

mod batches;
mod keys;
mod outages;
mod races;
mod schema;
mod tls;
