//! One account's open need to be linked again.

use crate::id::{AccountRef, CaseId};
use crate::signal::SignalKind;
use crate::words::words;
use jiff::Timestamp;
use serde::Serialize;

words! {
    /// Why a case ended.
    pub enum CloseReason {
        /// The account works again.
        Repaired = "repaired",
        /// Nobody came before the policy's `expire`.
        Expired = "expired",
        /// The account was deleted.
        AccountDeleted = "account_deleted",
        /// An operator closed it.
        Operator = "operator",
    }
}

words! {
    /// Why a case that is open plans or sends nothing for now.
    pub enum HoldReason {
        /// The account is not registered yet; the case goes on when it is.
        NoAccount = "no_account",
        /// An operator asked it to wait.
        Operator = "operator",
    }
}

/// An open or closed case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Derived from the event that opened it.
    pub id: CaseId,
    /// The account.
    pub account_ref: AccountRef,
    /// The gravest thing said so far.
    pub kind: SignalKind,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it gives up.
    pub expires_at: Timestamp,
    /// Set while it waits for something.
    pub hold: Option<HoldReason>,
    /// Set once it has ended.
    pub closed_at: Option<Timestamp>,
    /// Set together with `closed_at`.
    pub close_reason: Option<CloseReason>,
    /// How many signals it has taken in.
    pub signals: u32,
    /// The EHR instance named by its first signal.
    pub emr_instance_domain: Option<String>,
    /// Cobalt's word for what is wrong.
    pub error_type: Option<String>,
}

impl Case {
    /// Whether it still needs its person.
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }
}
