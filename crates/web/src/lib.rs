//! Flow 4 and the app's API: accounts are registered, cases looked at and acted on, and the
//! link in a message leads somewhere.
//!
//! Holds the store and nothing else: no queue, no provider. A GET changes nothing, ever: mail
//! scanners open links. Errors are `application/problem+json` (RFC 9457).

mod api;
mod error;
mod metrics;
mod page;
mod router;

pub use metrics::Metrics;
pub use router::{Web, openapi};
