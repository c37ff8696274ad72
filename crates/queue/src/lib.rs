//! Durable hand-over between roles.
//!
//! [`log`] is the segment log under the receiver's spool and the embedded queue. [`Publisher`],
//! [`Consumer`] and [`DeadLetters`] are the one interface of both engines, [`embedded`] and
//! [`rabbitmq`]. "Stored" always means durable: fsynced here, or confirmed and not returned by
//! the broker.

mod types;

pub mod embedded;
pub mod log;
pub mod rabbitmq;

pub use types::*;

/// A random share, 0.0 to 1.0, for waits.
pub(crate) fn jitter() -> f64 {
    let mut random = [0; 4];
    // Without random numbers every wait is its shortest: harmless.
    let _ = aws_lc_rs::rand::fill(&mut random);
    f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX)
}
