//! Durable hand-over between roles.
//!
//! [`log`] is the segment log under the receiver's spool and the embedded queue. [`Publisher`],
//! [`Consumer`] and [`DeadLetters`] are the one interface of both engines; [`open`] picks the
//! engine the configuration names. "Stored" always means durable: fsynced here, or confirmed
//! and not returned by the broker.

mod types;

pub mod embedded;
pub mod log;

pub use types::*;
