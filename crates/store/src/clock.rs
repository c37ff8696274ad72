//! What time it is for the store: every lease, `due_at` and `wake_at` is compared with this and
//! with nothing else. Always whole milliseconds, the grain of the stored moments.

use relink_core::Timestamp;
use relink_core::time::{from_millis, whole_millis};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Where the store's `now` comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The clock of the database: this host's for SQLite, the server's for PostgreSQL.
    #[default]
    System,
    /// Milliseconds since 1970, moved by hand, so that tests need not wait.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The moment set by hand; `None` when the database's own clock counts.
    pub fn manual(&self) -> Option<Timestamp> {
        match self {
            Self::System => None,
            Self::Manual(millis) => Some(from_millis(millis.load(Ordering::SeqCst))),
        }
    }

    /// The moment on this host's clock, or the one set by hand.
    pub fn now(&self) -> Timestamp {
        self.manual().unwrap_or_else(|| whole_millis(Timestamp::now()))
    }
}
