//! Idle connections, kept a short while for the next mail. Only a connection whose last mail
//! ended with a reply that was read comes back here.

use crate::connection::Connection;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Kept no longer than this; relays close idle connections after a minute or more.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// Used without asking whether it still lives when idle no longer than this.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);

/// The idle connections of one relay.
#[derive(Default)]
pub(crate) struct Idle(Mutex<Vec<(Instant, Connection)>>);

impl Idle {
    /// A connection that lives, if there is one. The most recently used comes first.
    pub(crate) async fn take(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.pop()?;
            let idle = since.elapsed();
            if idle <= TRUSTED_IDLE || (idle <= MAX_IDLE && connection.is_alive().await) {
                return Some(connection);
            }
        }
    }

    fn pop(&self) -> Option<(Instant, Connection)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps a connection, and lets go of those that were idle for too long.
    pub(crate) fn put(&self, connection: Connection) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() <= MAX_IDLE);
        idle.push((Instant::now(), connection));
    }
}
