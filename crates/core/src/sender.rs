//! What a channel must be able to do. Email, SMS and the app implement it; tests implement it with
//! senders that fail on command.

use crate::account::{Address, Channel};
use crate::attempt::{Outcome, Reason};
use crate::id::{CaseId, NotificationId};
use crate::signal::SignalKind;
use jiff::Timestamp;
use std::time::Duration;

/// One message to hand over: ids, an address, and the few fields a template may use.
/// No token, EHR, clinic or condition can get into a message, because none is here.
#[derive(Debug, Clone)]
pub struct MessageOrder {
    /// Also the stem of the `Message-ID`, the same on every retry.
    pub notification_id: NotificationId,
    /// Ties reminders of one case together in a mailbox.
    pub case_id: CaseId,
    /// What happened, which chooses the wording.
    pub kind: SignalKind,
    /// Whether an earlier step of the same case has spoken already.
    pub reminder: bool,
    /// Where to.
    pub address: Address,
    /// The contact's language, if known.
    pub locale: Option<String>,
    /// The contact's name, for a greeting in an email.
    pub name: Option<String>,
    /// The short way back. Unique to this notification, so it also identifies a text message in
    /// a provider's list.
    pub link: String,
    /// How much longer the message is of use.
    pub valid_for: Duration,
}

/// How a send ended, with what the provider called it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The outcome.
    pub outcome: Outcome,
    /// The provider's id of the message.
    pub provider_message_id: Option<String>,
    /// The provider's own code, such as `550 5.1.1` or `21211`.
    pub provider_code: Option<String>,
}

impl From<Outcome> for Sent {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, provider_message_id: None, provider_code: None }
    }
}

/// What a look at the provider's list showed about an attempt in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// It is there: it was accepted.
    Found {
        /// The provider's id of the message.
        provider_message_id: String,
    },
    /// It is there and the provider says it failed before reaching a carrier.
    Refused {
        /// Why.
        reason: Reason,
    },
    /// It is not there.
    Absent,
    /// The list could not be read.
    Unavailable {
        /// Why.
        reason: Reason,
    },
}

/// A channel's provider.
#[async_trait::async_trait]
pub trait Sender: Send + Sync {
    /// Which channel this is.
    fn channel(&self) -> Channel;

    /// Renders and hands over one message. Returns an [`Outcome`] and never an error: the edge
    /// that knows the provider's codes must classify them. Takes at most as long as its own
    /// deadlines add up to.
    ///
    /// If the future is dropped before it ends, the message may or may not have gone out; the
    /// caller must treat that as `Unknown`.
    async fn send(&self, order: &MessageOrder) -> Sent;

    /// Searches the provider's list for an attempt that ended `Unknown`, begun at `since`.
    /// A provider without such a list answers `Unavailable`.
    async fn look_up(&self, order: &MessageOrder, since: Timestamp) -> LookUp;
}
