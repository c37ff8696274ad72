//! The interface of putting off: a message waits because Cobalt cannot say whether its account
//! works, for as long as the patience with Cobalt lasts. How long that has been is read from the
//! rows, so that restarts and several workers agree.

use crate::StoreError;
use relink_core::Timestamp;
use relink_core::id::{NotificationId, StepId};
use relink_core::notification::NotificationState;
use std::time::Duration;

/// A worker that got no answer about the account of a message.
#[derive(Debug, Clone)]
pub struct PutOffRequest {
    /// Which message.
    pub notification_id: NotificationId,
    /// How long it may be put off in all; zero for not at all.
    pub patience: Duration,
    /// Drawn by the caller, 0.0 to 1.0.
    pub jitter: f64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOff {
    /// It waits.
    Waits {
        /// The policy step it was planned for.
        step: StepId,
        /// Its state: planned, or in doubt as before.
        state: NotificationState,
        /// Until when.
        until: Timestamp,
        /// Whether the timeline says so from now on; a wait after a wait is not said again.
        first: bool,
    },
    /// It has been put off for as long as the patience lasts: it goes to its gate without an
    /// answer, and the timeline says so.
    PatienceOver,
    /// Nothing to do: ended, held by another worker, early, or not known here.
    NotNow,
    /// The gate would not send it, whatever Cobalt says: to be asked, so that it says so.
    LeftToGate,
}

/// Messages that wait for an answer about their account.
#[async_trait::async_trait]
pub trait PutOffStore: Send + Sync {
    /// Moves the moment of a message that the gate would send now. Spends no try; begins no
    /// attempt. An attempt that its worker left without an outcome becomes a doubt, as at the gate.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn put_off(&self, request: &PutOffRequest) -> Result<PutOff, StoreError>;
}
