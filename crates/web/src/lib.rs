//! Flow 4 and the app's API: accounts are registered, cases looked at and acted on, and the
//! link in a message leads somewhere.
//!
//! Holds the store and may ask Cobalt: no queue, no sender. A GET changes nothing, ever: mail
//! scanners open links. Errors are `application/problem+json` (RFC 9457).

mod api;
mod back;
mod error;
mod feed;
mod metrics;
mod page;
mod router;

pub use metrics::{Metrics, time_to_relink};
pub use router::{Parts, Web, openapi};
