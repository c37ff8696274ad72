//! The only crate that speaks Cobalt: what it sends ([`verify`], then [`event`]), what the
//! customer's app passes on from it ([`report`]).
//!
//! Built on what Cobalt's public pages say; where they contradict each other, every variant is
//! understood. Never lets a token, a body or a signature into a log or an error.

mod json;
mod stringify;

pub mod verify;

pub mod event;
pub mod report;

pub use event::{Arrival, Oddity, ParseError, Parsed, Reading, parse};
pub use json::JsonError;
pub use report::{Report, parse_report};
pub use verify::{SignedForm, VerifiedRequest, Verifier, VerifyError};
