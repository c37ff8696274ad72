//! One message to one contact over one channel, planned for a step of a case.

use crate::account::Channel;
use crate::attempt::Reason;
use crate::id::{AccountRef, CaseId, ContactId, NotificationId, StepId};
use crate::words::words;
use jiff::Timestamp;
use serde::Serialize;

words! {
    /// Where a notification stands. `sent`, `skipped`, `cancelled`, `failed` and `dead` are ends.
    pub enum NotificationState {
        /// Waits for its moment, or for its next try.
        Planned = "planned",
        /// A worker holds it: intent is committed, the outcome is not.
        Sending = "sending",
        /// It may have gone out; nobody knows yet.
        Doubtful = "doubtful",
        /// A provider accepted it.
        Sent = "sent",
        /// It was not sent, for a reason of its own (late, no consent, …).
        Skipped = "skipped",
        /// It was not sent because its case ended first.
        Cancelled = "cancelled",
        /// A provider refused it for good.
        Failed = "failed",
        /// It needs an operator: tries used up, or in doubt twice.
        Dead = "dead",
    }
}

impl NotificationState {
    /// Whether nothing more will happen by itself.
    pub fn is_end(self) -> bool {
        match self {
            Self::Planned | Self::Sending | Self::Doubtful => false,
            Self::Sent | Self::Skipped | Self::Cancelled | Self::Failed | Self::Dead => true,
        }
    }
}

/// A notification as it is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// Derived from case, step, contact and channel.
    pub id: NotificationId,
    /// Its case.
    pub case_id: CaseId,
    /// The account of that case.
    pub account_ref: AccountRef,
    /// The policy step.
    pub step: StepId,
    /// Over what.
    pub channel: Channel,
    /// To whom.
    pub contact_id: ContactId,
    /// The moment the policy wants; lateness is measured from here.
    pub planned_for: Timestamp,
}

/// A notification as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// Derived from case, step, contact and channel.
    pub id: NotificationId,
    /// Its case.
    pub case_id: CaseId,
    /// The account of that case.
    pub account_ref: AccountRef,
    /// The policy step.
    pub step: StepId,
    /// Over what.
    pub channel: Channel,
    /// To whom.
    pub contact_id: ContactId,
    /// Where it stands.
    pub state: NotificationState,
    /// Why it stands there.
    pub reason: Option<Reason>,
    /// The moment the policy wanted.
    pub planned_for: Timestamp,
    /// The moment of its next try; the last one while it is being tried.
    pub due_at: Timestamp,
    /// Rises with every claim; a claim with an older number can no longer change the row.
    pub fence: i64,
    /// While claimed: until when.
    pub lease_until: Option<Timestamp>,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts that count against the retry schedule (faults of a provider do not).
    pub spent: u32,
    /// Attempts that ended without an answer.
    pub doubts: u32,
    /// Look-ups that did not find the message in doubt.
    pub looks: u32,
}

words! {
    /// What was decided instead of sending. One row each, shown on the case's timeline.
    pub enum NonSend {
        /// Waits until somebody acts.
        Held = "held",
        /// Waits for a later moment.
        Deferred = "deferred",
        /// Will not be sent.
        Skipped = "skipped",
        /// Will not be sent because the case ended.
        Cancelled = "cancelled",
        /// Replaced by another message: over another channel, or with a link that was asked for.
        Superseded = "superseded",
        /// Given to the operator.
        Dead = "dead",
        /// Put back by an operator.
        Replayed = "replayed",
    }
}
