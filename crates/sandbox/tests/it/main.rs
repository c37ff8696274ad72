//! The pretend world as its users meet it: a fake that is kinder or more forgetful than the real
//! service would prove nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod scripts;
mod support;

mod cobalt_api;
mod cobalt_registration;
mod cobalt_webhooks;
mod link_behaviour;
mod link_site;
mod link_tokens;
mod mail;
mod mail_faults;
mod page;
mod texts;
