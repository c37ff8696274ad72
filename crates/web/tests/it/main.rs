//! The app's API and the page behind a link, over a real store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

mod accounts;
mod attempts;
mod bodies;
mod cases;
mod coming_back;
mod description;
mod feed;
mod feed_link;
mod feed_stream;
mod keys;
mod listener;
mod origins;
mod pages;
mod paging;
mod strangers;
