//! Facts that came in, already verified: what a webhook, an app's report or a person said about
//! one account.

use crate::id::{AccountRef, EventId};
use crate::trace::TraceContext;
use crate::words::words;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

words! {
    /// What a signal says about its account.
    pub enum SignalKind {
        /// The stored login no longer works; nothing does until the person links again.
        LoginRequired = "login_required",
        /// The EHR asks for a new password soon; the account still works.
        PasswordChangeWarning = "password_change_warning",
        /// The account works again.
        Repaired = "repaired",
    }
}

words! {
    /// Which door a signal came in by.
    pub enum SignalSource {
        /// A signed webhook of Cobalt.
        CobaltWebhook = "cobalt_webhook",
        /// The customer's app: it met a 403 and handed it over, or says that an account works.
        AppReport = "app_report",
        /// Found in Cobalt's list of webhook events.
        Reconcile = "reconcile",
        /// An operator, on the command line or in the console.
        Operator = "operator",
        /// Somebody whose link had ended, on its page.
        Person = "person",
    }
}

/// One fact about one account. The form that is spooled and carried by the queue (wrapped in
/// [`crate::wire::SignalMessage`]): it holds ids and words, never a token, a name or an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// The dedupe key.
    pub event_id: EventId,
    /// The account it is about.
    pub account_ref: AccountRef,
    /// What it says.
    pub kind: SignalKind,
    /// How it came.
    pub source: SignalSource,
    /// When the sender says it happened; `received_at` if it does not. The store takes nothing to
    /// have happened later than its own now.
    pub occurred_at: Timestamp,
    /// When we accepted it, by the clock of the host that did.
    pub received_at: Timestamp,
    /// The EHR instance it names, for noticing outages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emr_instance_domain: Option<String>,
    /// Cobalt's `error_type`, such as `password_expired`. An open set: a word, not an enum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// SHA-256 (hex) of the event in a form that white space cannot change: the same id with
    /// another digest is a different event wearing a known name.
    pub digest: String,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

/// The `digest` of a signal that was read from Cobalt's list. An item of the list has another
/// form than the webhook of the same event, so that their bytes cannot be compared.
pub const LISTED: &str = "listed";

/// What is on record of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    /// Its id.
    pub event_id: EventId,
    /// The account it was about.
    pub account_ref: AccountRef,
    /// What it said.
    pub kind: SignalKind,
    /// Its digest, or [`LISTED`].
    pub digest: String,
}

impl KnownEvent {
    /// Whether `signal`, which wears the same id, is another event: by its digest, or, when one
    /// of the two was read from the list, by what it says about whom.
    pub fn contradicts(&self, signal: &Signal) -> bool {
        if self.digest == LISTED || signal.digest == LISTED {
            return self.account_ref != signal.account_ref || self.kind != signal.kind;
        }
        self.digest != signal.digest
    }
}

impl From<&Signal> for KnownEvent {
    fn from(signal: &Signal) -> Self {
        Self {
            event_id: signal.event_id.clone(),
            account_ref: signal.account_ref.clone(),
            kind: signal.kind,
            digest: signal.digest.clone(),
        }
    }
}
