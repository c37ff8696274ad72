//! Waiting out a store that is down. The message stays in hand meanwhile, so the queue's own
//! prefetch is the brake: nothing is nacked round in circles while the database restarts.

use relink_core::retry::reconnect_wait;
use relink_store::StoreError;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Why a call to the store was given up.
#[derive(Debug)]
pub(crate) enum GaveUp {
    /// The process is stopping, or the time allowed is over.
    OutOfTime(StoreError),
    /// Trying again would not help.
    Refused(StoreError),
}

/// How long to go on trying.
#[derive(Debug, Clone)]
pub(crate) enum Until {
    /// The process stops.
    Stop(CancellationToken),
    /// This much time has passed. For outcomes, which a stop must not throw away.
    Elapsed(Duration),
}

/// Calls the store until it answers, for as long as `until` allows.
pub(crate) async fn patiently<T, F, Fut>(
    what: &'static str,
    until: &Until,
    mut call: F,
) -> Result<T, GaveUp>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    let started = Instant::now();
    let mut failures: u32 = 0;
    loop {
        let error = match call().await {
            Ok(value) => {
                if failures > 0 {
                    tracing::info!(what, failures, "the store answers again");
                }
                return Ok(value);
            }
            Err(error) if is_worth_waiting_for(&error) => error,
            Err(error) => return Err(GaveUp::Refused(error)),
        };
        failures += 1;
        if failures == 1 {
            tracing::warn!(what, %error, "the store does not answer, waiting");
        }
        let wait = reconnect_wait(failures, jitter());
        match until {
            Until::Stop(stop) => tokio::select! {
                () = stop.cancelled() => return Err(GaveUp::OutOfTime(error)),
                () = tokio::time::sleep(wait) => {}
            },
            Until::Elapsed(limit) if started.elapsed() + wait >= *limit => {
                return Err(GaveUp::OutOfTime(error));
            }
            Until::Elapsed(_) => tokio::time::sleep(wait).await,
        }
    }
}

/// Whether the fault is the store's as a whole and says nothing about what was to be written:
/// it passes by itself or by an operator's hand, and must not cost a message its place.
pub(crate) fn is_worth_waiting_for(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(_) | StoreError::Disk(_) | StoreError::Schema(_) => true,
        StoreError::Sealed(_) | StoreError::NeverBegun(_) | StoreError::Refused(_) => false,
    }
}

/// A random share, 0.0 to 1.0.
pub(crate) fn jitter() -> f64 {
    // The last 32 bits of a version 4 UUID are all random (RFC 9562, 5.4).
    let [.., a, b, c, d] = *uuid::Uuid::new_v4().as_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
}
