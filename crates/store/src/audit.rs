//! What an audit looks at in the store: which checks there are, what each says, and what it
//! found. The statements are in `queries/<backend>/audit_*.sql`, one for each check.

use crate::{REPUBLISH_AFTER, StoreError};
use relink_core::Timestamp;
use relink_core::operator_log::{Chain, Head};
use relink_core::time::to_millis;
use std::time::Duration;

/// How long past a moment, a lease or an expiry may be before nobody can be said to be at it. A
/// mass return may keep workers busy for minutes; half an hour is not business.
pub const LATE_AFTER: Duration = Duration::from_secs(30 * 60);

/// How long a due notification may stay unclaimed: schedulers look every few seconds and claim
/// again after [`REPUBLISH_AFTER`].
pub const UNCLAIMED_AFTER: Duration = Duration::from_secs(REPUBLISH_AFTER.as_secs() + 60);

/// Entries of the operator log read at once.
pub(crate) const PAGE: i64 = 1000;

/// A check of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreCheck {
    /// Every signal has an end.
    Signals,
    /// Every notification has, or can have, an end with a reason.
    Ends,
    /// No more acceptances than allowed.
    Accepted,
    /// What is sent was accepted.
    Sent,
    /// Intent before outcome.
    Intents,
    /// No attempt is missing.
    Numbers,
    /// The guards against changing attempts and the operator log are in place.
    Guards,
    /// The operator log's chain holds.
    OperatorLog,
    /// Nothing begun after its case closed or expired.
    AfterClose,
    /// Nothing begun after it was decided not to send it.
    AfterEnd,
    /// Nothing waits without anybody at it.
    Overdue,
    /// One fact is one event for the customer's app, and nothing is told but what happened.
    AppEvents,
    /// What the customer's app is to be told is told in its time.
    AppOverdue,
}

impl StoreCheck {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signals => "signals",
            Self::Ends => "ends",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Intents => "intents",
            Self::Numbers => "numbers",
            Self::Guards => "guards",
            Self::OperatorLog => "operator_log",
            Self::AfterClose => "after_close",
            Self::AfterEnd => "after_end",
            Self::Overdue => "overdue",
            Self::AppEvents => "app_events",
            Self::AppOverdue => "app_overdue",
        }
    }

    /// The invariant it belongs to.
    pub fn invariant(self) -> &'static str {
        match self {
            Self::Signals | Self::Ends => "I1",
            Self::Accepted => "I3",
            Self::Sent | Self::Intents => "I4",
            Self::Numbers | Self::Guards | Self::OperatorLog => "I6",
            Self::AfterClose | Self::AfterEnd => "I7",
            Self::Overdue | Self::AppOverdue => "I10",
            Self::AppEvents => "I11",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub check: StoreCheck,
    /// Rows it looked at.
    pub looked_at: u64,
    /// Rows that break it.
    pub violating: u64,
    /// Ids of some of them; names of missing guards; numbers of entries. Never an address.
    pub examples: Vec<String>,
}

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct AuditRequest {
    /// Examples named for each check at most.
    pub examples: usize,
    /// An end of the operator log that was written down before and must be in it.
    pub known_head: Option<Head>,
}

/// What the store looks like at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// The store's time.
    pub at: Timestamp,
    /// Every check, in a fixed order.
    pub found: Vec<Found>,
    /// Signals applied.
    pub applied: u64,
    /// Open cases.
    pub cases_open: u64,
    /// The end of the operator log.
    pub head: Head,
}

/// Audits.
#[async_trait::async_trait]
pub trait AuditStore: Send + Sync {
    /// Runs every check on one consistent view. Writes nothing; safe beside running processes.
    ///
    /// # Errors
    /// The store could not be read.
    async fn audit(&self, request: &AuditRequest) -> Result<Audited, StoreError>;
}

/// A check that is one statement: limit of examples, [`late`], [`unclaimed`].
macro_rules! statements {
    ($backend:literal) => {
        [
            (StoreCheck::Signals, statements!(@ $backend, "signals")),
            (StoreCheck::Ends, statements!(@ $backend, "ends")),
            (StoreCheck::Accepted, statements!(@ $backend, "accepted")),
            (StoreCheck::Sent, statements!(@ $backend, "sent")),
            (StoreCheck::Intents, statements!(@ $backend, "intents")),
            (StoreCheck::Numbers, statements!(@ $backend, "numbers")),
            (StoreCheck::AfterClose, statements!(@ $backend, "after_close")),
            (StoreCheck::AfterEnd, statements!(@ $backend, "after_end")),
            (StoreCheck::Overdue, statements!(@ $backend, "overdue")),
            (StoreCheck::AppEvents, statements!(@ $backend, "app_events")),
            (StoreCheck::AppOverdue, statements!(@ $backend, "app_overdue")),
        ]
    };
    (@ $backend:literal, $name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/queries/", $backend, "/audit_", $name, ".sql"
        ))
    };
}
pub(crate) use statements;

/// Before this moment, in milliseconds, something is late.
pub(crate) fn late(now: Timestamp) -> i64 {
    before(now, LATE_AFTER)
}

/// Before this moment, in milliseconds, something due should have been claimed.
pub(crate) fn unclaimed(now: Timestamp) -> i64 {
    before(now, UNCLAIMED_AFTER)
}

fn before(now: Timestamp, by: Duration) -> i64 {
    to_millis(now).saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

/// What a statement answered.
pub(crate) fn found(
    check: StoreCheck,
    (looked_at, violating): (i64, i64),
    examples: Option<&str>,
) -> Found {
    Found {
        check,
        looked_at: looked_at.unsigned_abs(),
        violating: violating.unsigned_abs(),
        examples: examples.unwrap_or_default().lines().map(ToOwned::to_owned).collect(),
    }
}

/// Which of the guards are missing.
pub(crate) fn guards(needed: &[&str], present: &[String]) -> Found {
    let missing: Vec<String> = needed
        .iter()
        .filter(|guard| !present.iter().any(|there| there == *guard))
        .map(|guard| (*guard).to_owned())
        .collect();
    Found {
        check: StoreCheck::Guards,
        looked_at: needed.len() as u64,
        violating: missing.len() as u64,
        examples: missing,
    }
}

/// What the chain showed.
pub(crate) fn operator_log(chain: &Chain) -> Found {
    let broken = chain.first_broken().iter().map(|number| format!("entry {number}"));
    let missing = chain.missing().map(|head| format!("{head} is not in it"));
    Found {
        check: StoreCheck::OperatorLog,
        looked_at: chain.head().sequence,
        violating: chain.broken().saturating_add(u64::from(missing.is_some())),
        examples: broken.chain(missing).collect(),
    }
}
