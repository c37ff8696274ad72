//! The only crate that speaks Cobalt: what it sends ([`verify`], then [`event`]), what the
//! customer's app passes on from it ([`report`]), and what it can be asked ([`client`], with
//! [`listed`] for its list of past events and [`webhooks`] for registering them).
//!
//! Built on what Cobalt's public pages say; where they contradict each other, every variant is
//! understood. Never lets a token, a body or a signature into a log or an error.

mod json;
mod stringify;

pub mod verify;

pub mod event;
pub mod report;

mod claim;

mod answer;
pub mod client;
pub mod listed;
pub mod webhooks;

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod pretend;

pub use claim::{Claim, claim};
pub use client::{CobaltClient, CobaltError, CobaltSetupError, Probe, Settings};
pub use event::{Arrival, Oddity, ParseError, Parsed, Reading, parse};
pub use json::JsonError;
pub use listed::{EventFilter, EventsPage, ListedEvent};
pub use report::{Report, parse_report};
pub use verify::{SignedForm, VerifiedRequest, Verifier, VerifyError};
pub use webhooks::{Webhook, WebhookId, Webhooks};
