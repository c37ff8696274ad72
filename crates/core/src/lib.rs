//! The words of Relink and every decision it makes, as pure code.
//!
//! Nothing here does I/O, spawns, reads a clock, the environment or a source of randomness:
//! `now`, jitter, nonces and fresh ids are arguments. What the rest of the system does with a
//! signal, a case, a notification or an attempt is decided here and only carried out elsewhere,
//! so that every decision can be tested as a table.

mod words;

pub mod id;
pub mod masked;
pub mod time;

pub mod account;
pub mod app_event;
pub mod app_signature;
pub mod attempt;
pub mod case;
pub mod notification;
pub mod operator_log;
pub mod policy;
pub mod signal;
pub mod visit;

pub mod arrears;
pub mod breaker;
pub mod feed;
pub mod gate;
pub mod next_step;
pub mod plan;
pub mod probe;
pub mod reconcile;
pub mod renewal;
pub mod retry;

pub mod fail_point;
pub mod link;
pub mod seal;
pub mod sender;
pub mod trace;
pub mod wire;

pub use jiff::Timestamp;
