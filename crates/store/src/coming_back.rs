//! The interface of the way back: what is known when somebody comes by a link, what they did, and
//! how a proof that the account works closes its case.

use crate::StoreError;
use relink_core::Timestamp;
use relink_core::account::{Channel, Contact};
use relink_core::case::Case;
use relink_core::id::{AccountRef, CaseId, ContactId, NotificationId};
use relink_core::masked::Secret;
use relink_core::notification::Notification;
use relink_core::renewal::asked_for;
use relink_core::signal::{Signal, SignalKind};
use relink_core::visit::{Visit, Visitor, Way};
use std::time::Duration;

/// How far back link tokens are counted for their limit
/// ([`MINTS_PER_HOUR`](relink_core::visit::MINTS_PER_HOUR)).
pub const MINTS_COUNTED_OVER: Duration = Duration::from_secs(60 * 60);

/// Where a case is entered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// The hash of a link's token.
    Link(String),
    /// A message that is about to be sent.
    Notification(NotificationId),
    /// The case itself.
    Case(CaseId),
}

/// Everything about a case that somebody comes back to, read in one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayBack {
    /// The case, open or closed.
    pub case: Case,
    /// The message it is entered by, unless it is entered by itself.
    pub notification: Option<Notification>,
    /// Whom that message was for, if they are still on file.
    pub contact: Option<Contact>,
    /// The account, if it is still registered.
    pub account: Option<AccountAtHand>,
    /// The open case of the same account: this one, or one that was opened after it.
    pub open_case: Option<CaseId>,
    /// Link tokens made for the case within [`MINTS_COUNTED_OVER`].
    pub minted_lately: u32,
    /// The store's time of this view.
    pub now: Timestamp,
}

/// What Cobalt is asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAtHand {
    /// The customer's id of the end user.
    pub user_id: String,
    /// The customer's id of the clinic.
    pub org_id: String,
    /// The access token, or why it does not open.
    pub access_token: Result<Secret, StoreError>,
}

/// That Cobalt answered for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The case, as it was when Cobalt was asked.
    pub case_id: CaseId,
    /// Its count of signals then: one that came meanwhile tells of a break after the answer.
    pub signals: u32,
    /// What made Relink ask.
    pub way: Way,
    /// The message somebody came by or that was about to be sent, if one was.
    pub notification_id: Option<NotificationId>,
    /// When Cobalt was asked, by the store's clock ([`WayBack::now`]).
    pub asked_at: Timestamp,
}

/// How long Cobalt's answer proves anything. News of a break that came in after it may wait to be
/// applied, and would count as old once the case is closed at a later moment.
pub const PROOF_HOLDS: Duration = Duration::from_secs(30);

/// What a proof did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proven {
    /// It closed the case, which is given as it is now.
    Closed(Box<Case>),
    /// The account was said to be broken while Cobalt was asked: nothing was changed.
    Overtaken,
    /// Cobalt was asked longer than [`PROOF_HOLDS`] ago: nothing was changed, ask again.
    TooOld,
    /// The case had ended, or there is none.
    NotOpen,
}

/// A new link that somebody asks for by one that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The message whose link it was.
    pub notification_id: NotificationId,
    /// Its case, which has ended.
    pub case_id: CaseId,
    /// The account of that case.
    pub account_ref: AccountRef,
    /// Whom that message was for: whom the new one is for.
    pub contact_id: ContactId,
    /// How it went: how the new one goes.
    pub channel: Channel,
    /// What is wrong, as far as anybody knows: the kind of a case that has to be opened.
    pub kind: SignalKind,
    /// Who asks.
    pub visitor: Visitor,
}

/// What asking for a new link did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// This message is planned, due at once.
    Planned(NotificationId),
    /// Nothing: one went out a moment ago, or there were enough
    /// ([`next_renewal`](relink_core::renewal::next_renewal)).
    Before,
    /// Nothing: the account or the person is not on file any more.
    Nowhere,
}

/// People who come back.
#[async_trait::async_trait]
pub trait ComingBackStore: Send + Sync {
    /// What is known at `door`; records nothing. `None` when there is no such link, message or
    /// case.
    ///
    /// # Errors
    /// Could not be read. A token that does not open is no error here.
    async fn way_back(&self, door: &Door) -> Result<Option<WayBack>, StoreError>;

    /// Records steps of a case at the store's time, which replaces their own; a step `done` of an
    /// open case also has Cobalt asked again ([`Self::claim_rechecks`]). What is over
    /// [`MAX_VISITS`](relink_core::visit::MAX_VISITS) is left out. Nothing of a case there is not.
    ///
    /// # Errors
    /// Nothing was written.
    async fn note_visits(&self, case_id: CaseId, visits: &[Visit]) -> Result<(), StoreError>;

    /// Closes the case as repaired, cancels what it still planned and records the proof, all
    /// unless the account was said to be broken since.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn close_proven(&self, proof: &Proof) -> Result<Proven, StoreError>;

    /// Plans one message with a new link for the person whose link has ended, in the account's
    /// open case, or in one that this opens without waiting for it to settle. Records that it was
    /// asked for, when something is planned.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn renew_link(&self, renewal: &Renewal) -> Result<Renewed, StoreError>;

    /// Up to `limit` cases whose account is to be asked for again, each with its next moment
    /// ([`RECHECK_WAITS`](relink_core::visit::RECHECK_WAITS)) set. Concurrent callers get different
    /// ones. A case may have ended meanwhile.
    ///
    /// # Errors
    /// Nothing was taken.
    async fn claim_rechecks(&self, limit: usize) -> Result<Vec<CaseId>, StoreError>;
}

/// What a renewal says, should a case have to be opened for it.
pub(crate) fn said(renewal: &Renewal, now: Timestamp) -> Result<Signal, StoreError> {
    let Renewal { notification_id, account_ref, kind, .. } = renewal;
    asked_for(*notification_id, account_ref, *kind, now)
        .map_err(|error| StoreError::Refused(error.to_string()))
}
