//! What a worker that delivers asks of the store: begin an attempt under a lease, record how it
//! ended, and what each answer means. The intent is committed before anything is sent.

use crate::StoreError;
use relink_core::Timestamp;
use relink_core::attempt::Reason;
use relink_core::gate::GateSnapshot;
use relink_core::id::{NotificationId, StepId, WorkerId};
use relink_core::link::LinkToken;
use relink_core::notification::NotificationState;
use relink_core::sender::{LookUp, Sent};
use relink_core::trace::TraceContext;
use std::time::Duration;

/// A worker's wish to send one notification.
#[derive(Debug, Clone)]
pub struct BeginRequest {
    /// Which.
    pub notification_id: NotificationId,
    /// Who asks; becomes the lease's owner.
    pub worker: WorkerId,
    /// How long the lease lasts unless renewed.
    pub lease: Duration,
}

/// An attempt whose intent is committed. Only [`DeliveryStore::begin`] makes one.
#[derive(Debug, Clone)]
pub struct OpenAttempt {
    /// The row as the transaction left it (its `fence` and `attempts` are this attempt's), its
    /// case and its contact.
    pub snapshot: GateSnapshot,
    /// Where to send.
    pub address: relink_core::account::Address,
    /// The way back, the same on every attempt; only its hash is stored.
    pub link: LinkToken,
    /// 1, 2, …: this attempt's number.
    pub number: u32,
    /// Whether an earlier notification of the case has been sent already.
    pub reminder: bool,
    /// The trace of the signal that opened the case.
    pub trace: Option<TraceContext>,
    /// The store's time when it was begun.
    pub begun_at: Timestamp,
    /// How long the message stays of use: until lateness or the case's expiry.
    pub valid_for: Duration,
}

/// What a worker is told.
#[derive(Debug, Clone)]
pub enum Begin {
    /// Nothing to do: ended, held by another worker, early, or not known here.
    NotNow,
    /// Intent is committed: send.
    Send(Box<OpenAttempt>),
    /// Leased for a look at the provider's list; `number` and `begun_at` are those of the
    /// attempt in doubt.
    LookUp(Box<OpenAttempt>),
    /// It will not be sent (or not now); the reason is recorded.
    NotSent {
        /// The policy step it was planned for.
        step: StepId,
        /// Its state from now on.
        state: NotificationState,
        /// Why.
        reason: Reason,
    },
}

/// An outcome to record.
#[derive(Debug, Clone)]
pub struct FinishRequest {
    /// The notification.
    pub notification_id: NotificationId,
    /// The attempt's number.
    pub number: u32,
    /// The fence of [`OpenAttempt`].
    pub fence: i64,
    /// How it ended.
    pub sent: Sent,
    /// How long the send took.
    pub took: Duration,
    /// Drawn by the caller, 0.0 to 1.0.
    pub jitter: f64,
}

/// What a look-up showed, to record.
#[derive(Debug, Clone)]
pub struct LookUpRequest {
    /// The notification.
    pub notification_id: NotificationId,
    /// The number of the attempt in doubt.
    pub number: u32,
    /// The fence of [`OpenAttempt`].
    pub fence: i64,
    /// What it showed.
    pub found: LookUp,
}

/// What recording did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// Recorded; the notification goes on like this.
    Recorded {
        /// Its state from now on.
        state: NotificationState,
        /// Why.
        reason: Reason,
        /// How long the case was open by then, both ends by the store's clock: for the time it
        /// took to be accepted.
        case_age: Duration,
    },
    /// Somebody else had taken over. The outcome is on the attempt's row all the same, and an
    /// acceptance ends the notification.
    Late,
}

/// Intent before, outcome after.
#[async_trait::async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Asks the gate for each and commits what it says, all in one transaction: an attempt row
    /// and a lease, or the reason why not.
    ///
    /// # Errors
    /// Nothing was written; nothing may be sent.
    async fn begin(&self, requests: &[BeginRequest]) -> Result<Vec<Begin>, StoreError>;

    /// Records outcomes, all in one transaction.
    ///
    /// # Errors
    /// Nothing was written; try again until the lease is near its end.
    async fn finish(&self, requests: &[FinishRequest]) -> Result<Vec<Finished>, StoreError>;

    /// Records what a look-up showed.
    ///
    /// # Errors
    /// Nothing was written.
    async fn finish_look_up(&self, request: &LookUpRequest) -> Result<Finished, StoreError>;

    /// Moves the lease's end to `lease` from now. `false` when it is no longer ours.
    ///
    /// # Errors
    /// Not moved.
    async fn renew(
        &self,
        id: NotificationId,
        fence: i64,
        lease: Duration,
    ) -> Result<bool, StoreError>;
}
