//! Flow 1: request ▸ verified ▸ spooled ▸ answered ▸ forwarded.
//!
//! [`Receiver`] needs neither the store nor the broker to be up: a 2xx is made from a
//! receipt of the spool and from nothing else, a request that cannot be stored is answered 503,
//! and no fault of its own is ever answered 4xx. What it never does: decide anything about
//! cases, act on an unsigned byte (the sealed [`quarantine`] keeps some, apart from everything else),
//! or write a body, a secret or an address to a log.

mod accept;
mod answer;
mod callers;
mod confirms;
mod forward;
mod metrics;
mod receiver;
mod request;
mod sampled;
mod service;
mod spool;
mod trace;

pub mod quarantine;

pub use receiver::{Parts, Receiver, RunError};
