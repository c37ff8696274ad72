//! What operators do, and the record of it. An act and its entry in the operator log are one
//! transaction: there is none without the other.

use crate::StoreError;
use relink_core::id::{AccountRef, AppEventId, CaseId, NotificationId, OperatorId};
use relink_core::operator_log::{Act, Entry, Head};

/// Something an operator wants done in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorAct {
    /// Close an open case; what it still planned is cancelled.
    CloseCase(CaseId),
    /// Let an open case wait.
    HoldCase(CaseId),
    /// Lift an operator's hold.
    ReleaseCase(CaseId),
    /// Forget an account and its contacts; its open case is closed.
    DeleteAccount(AccountRef),
    /// Plan a dead notification again, under a step of its own and due now. The gate still has
    /// its say.
    Replay(NotificationId),
    /// Tell the customer's app of an event once more, under the same id: the endpoints that it was
    /// given up for; where there are none, every one that has it.
    ReplayEvent(AppEventId),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operated {
    /// Done and recorded.
    Done {
        /// The entry in the operator log.
        head: Head,
        /// The notification that a replay planned.
        planned: Option<NotificationId>,
    },
    /// There is no such thing in a state in which this changes anything. Nothing is recorded.
    NothingToDo,
    /// Not replayed: its case is closed, so nobody needs to hear of it. Nothing is recorded.
    CaseClosed,
    /// Not replayed: it was before, as this notification. Nothing is recorded.
    ReplayedBefore(NotificationId),
}

/// Operators.
#[async_trait::async_trait]
pub trait OperatorStore: Send + Sync {
    /// Does `act` and records it, all in one transaction.
    ///
    /// # Errors
    /// Nothing was changed and nothing recorded.
    async fn operate(
        &self,
        operator: &OperatorId,
        act: &OperatorAct,
    ) -> Result<Operated, StoreError>;

    /// Records an act on something that is not in the store.
    ///
    /// # Errors
    /// Nothing was recorded.
    async fn record(&self, act: &Act) -> Result<Head, StoreError>;

    /// Up to `limit` entries of the operator log behind number `after`, oldest first.
    ///
    /// # Errors
    /// Could not be read.
    async fn operator_log(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError>;
}

/// Writes the new end of the chain to the log, where nobody who can write to the database can
/// take it back.
pub(crate) fn announce(head: &Head) {
    tracing::info!(sequence = head.sequence, hash = %head.hash, "operator log has a new entry");
}
