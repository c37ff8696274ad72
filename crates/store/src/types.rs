//! The interface that both databases keep, and the rows that come out of it.

use crate::{
    AppEventStore, AuditStore, ComingBackStore, DeliveryStore, FeedStore, KeyStore, MarkStore,
    OperatorStore, PutOffStore, StoreError, TimeZoneStore,
};
use relink_core::Timestamp;
use relink_core::account::{Account, AccountUpsert, Channel};
use relink_core::attempt::{OutcomeKind, Reason};
use relink_core::case::{Case, CloseReason};
use relink_core::id::{AccountRef, CaseId, ContactId, EventId, NotificationId, StepId, WorkerId};
use relink_core::masked::Secret;
use relink_core::notification::{NonSend, Notification};
use relink_core::plan::SignalResult;
use relink_core::signal::{KnownEvent, Signal};
use relink_core::trace::TraceContext;
use relink_core::visit::Visit;
use serde::Serialize;
use std::time::Duration;

/// What applying a signal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// In a word.
    pub result: SignalResult,
    /// The case it opened, joined or closed; of a duplicate, the case of the first.
    pub case_id: Option<CaseId>,
    /// How many notifications it planned.
    pub planned: usize,
}

/// Signals become cases.
#[async_trait::async_trait]
pub trait SignalStore: Send + Sync {
    /// Applies each signal in order, all in one transaction, and answers for each. Inserting the
    /// event id decides whether it is new; `plan::decide` decides the rest.
    ///
    /// # Errors
    /// None of the batch was applied.
    async fn apply_signals(&self, signals: &[Signal]) -> Result<Vec<Applied>, StoreError>;

    /// What is on record of these events; nothing of those that are not.
    ///
    /// # Errors
    /// Could not be read.
    async fn known_events(&self, ids: &[EventId]) -> Result<Vec<KnownEvent>, StoreError>;

    /// Closes up to `limit` cases past their `expires_at` and cancels what they still planned.
    /// Answers how many.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn expire_cases(&self, limit: usize) -> Result<usize, StoreError>;
}

/// A notification whose moment has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub notification_id: NotificationId,
    /// Over what.
    pub channel: Channel,
    /// The trace of the signal that opened its case.
    pub trace: Option<TraceContext>,
}

/// How long a published notification may stay untouched before it is published again. Repairs
/// purged and deleted queues, a swapped broker and every crash between claim and publish.
pub const REPUBLISH_AFTER: Duration = Duration::from_secs(120);

/// Timers.
#[async_trait::async_trait]
pub trait DueStore: Send + Sync {
    /// Takes up to `limit` notifications whose `wake_at` has come and moves each `wake_at`
    /// [`REPUBLISH_AFTER`] ahead. Concurrent callers get different rows.
    ///
    /// # Errors
    /// Nothing was taken.
    async fn claim_due(&self, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// Gives back what could not be published: due again at once.
    ///
    /// # Errors
    /// Nothing was changed; the rows come back after [`REPUBLISH_AFTER`].
    async fn give_back(&self, ids: &[NotificationId]) -> Result<(), StoreError>;

    /// How long until the next `wake_at`, zero when one has passed, `None` when there is none.
    ///
    /// # Errors
    /// Not known.
    async fn next_due_in(&self) -> Result<Option<Duration>, StoreError>;
}

/// Accounts and their contacts.
#[async_trait::async_trait]
pub trait AccountStore: Send + Sync {
    /// Registers or replaces accounts, all in one transaction; each open case that waited for
    /// its account, or can now tell more people, is planned on. Answers for each whether it is
    /// new.
    ///
    /// # Errors
    /// Nothing was written.
    async fn put_accounts(&self, accounts: &[AccountUpsert]) -> Result<Vec<bool>, StoreError>;

    /// One account.
    ///
    /// # Errors
    /// Could not be read.
    async fn account(&self, account_ref: &AccountRef) -> Result<Option<StoredAccount>, StoreError>;

    /// Up to `limit` accounts after `after` in the order of their refs, for export.
    ///
    /// # Errors
    /// Could not be read.
    async fn accounts(
        &self,
        after: Option<&AccountRef>,
        limit: usize,
    ) -> Result<Vec<StoredAccount>, StoreError>;

    /// Removes an account and its contacts, and closes its open case. `false` when there was
    /// none.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn delete_account(&self, account_ref: &AccountRef) -> Result<bool, StoreError>;

    /// Opens the account's access token.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] when no configured key opens it.
    async fn access_token(&self, account_ref: &AccountRef) -> Result<Option<Secret>, StoreError>;
}

/// An account as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    /// The account.
    pub account: Account,
    /// When it was first registered.
    pub created_at: Timestamp,
    /// When it was last replaced.
    pub updated_at: Timestamp,
    /// The zone that Cobalt names, in force for contacts that have none of their own.
    pub time_zone: Option<String>,
}

/// Which cases to list.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    /// Open ones, closed ones, or both.
    pub open: Option<bool>,
    /// Of one account.
    pub account_ref: Option<AccountRef>,
    /// Of the accounts of one user.
    pub user_id: Option<String>,
    /// Older than this (opened before), for paging backwards; ties are broken by id.
    pub before: Option<(Timestamp, CaseId)>,
    /// At most this many; newest first.
    pub limit: usize,
}

/// Something that happened to a case instead of a send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NonSendRow {
    /// When.
    pub at: Timestamp,
    /// The notification it is about, if one was planned.
    pub notification_id: Option<NotificationId>,
    /// The step, if it is about one.
    pub step: Option<StepId>,
    /// The contact, if it is about one.
    pub contact_id: Option<ContactId>,
    /// What was decided.
    pub decision: NonSend,
    /// Why.
    pub reason: Reason,
}

/// One attempt as recorded. Addresses are masked before they are stored here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptRow {
    /// The notification.
    pub notification_id: NotificationId,
    /// 1, 2, …
    pub number: u32,
    /// Its case.
    pub case_id: CaseId,
    /// The account.
    pub account_ref: AccountRef,
    /// The step.
    pub step: StepId,
    /// Over what.
    pub channel: Channel,
    /// To whom.
    pub contact_id: ContactId,
    /// Masked.
    pub address: String,
    /// When the intent was committed.
    pub started_at: Timestamp,
    /// When the outcome was; `None` while it is under way.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<OutcomeKind>,
    /// Why.
    pub reason: Option<Reason>,
    /// What a look-up or a late answer showed of an unknown outcome.
    pub resolved_as: Option<OutcomeKind>,
    /// The provider's id of the message.
    pub provider_message_id: Option<String>,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// How long the send took, in milliseconds.
    pub took_ms: Option<i64>,
    /// Which worker.
    pub worker: WorkerId,
}

/// A signal as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignalRow {
    /// What came in.
    pub signal: Signal,
    /// What became of it.
    pub result: SignalResult,
    /// When it was applied.
    pub applied_at: Timestamp,
}

/// A case with everything that happened to it, each list oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseHistory {
    /// The case.
    pub case: Case,
    /// Its signals.
    pub signals: Vec<SignalRow>,
    /// Its notifications.
    pub notifications: Vec<Notification>,
    /// Its attempts.
    pub attempts: Vec<AttemptRow>,
    /// Its non-sends.
    pub non_sends: Vec<NonSendRow>,
    /// What people who came back did.
    pub visits: Vec<Visit>,
}

/// Cases, for the API, the command line and the console.
#[async_trait::async_trait]
pub trait CaseStore: Send + Sync {
    /// Cases, newest first.
    ///
    /// # Errors
    /// Could not be read.
    async fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>, StoreError>;

    /// One case with its history.
    ///
    /// # Errors
    /// Could not be read.
    async fn case(&self, id: CaseId) -> Result<Option<CaseHistory>, StoreError>;

    /// Closes an open case and cancels what it still planned. `None` when there is no such
    /// open case.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn close_case(
        &self,
        which: &OpenCase,
        reason: CloseReason,
    ) -> Result<Option<CaseId>, StoreError>;

    /// Sets (`true`) or lifts (`false`) an operator's hold. `false` when there is no such open
    /// case or nothing to change.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn hold_case(&self, id: CaseId, hold: bool) -> Result<bool, StoreError>;
}

/// An open case, named by itself or by its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenCase {
    /// By id.
    Id(CaseId),
    /// By account.
    Account(AccountRef),
}

/// Which attempts to list.
#[derive(Debug, Clone, Default)]
pub struct AttemptFilter {
    /// Of one case.
    pub case_id: Option<CaseId>,
    /// Of one account.
    pub account_ref: Option<AccountRef>,
    /// With this outcome.
    pub outcome: Option<OutcomeKind>,
    /// Started before, for paging backwards; ties are broken by notification and number.
    pub before: Option<(Timestamp, NotificationId, u32)>,
    /// At most this many; newest first.
    pub limit: usize,
}

/// How many of the latest repairs [`StoreStats::sends_after_repair`] looks at.
pub const REPAIRS_WATCHED: i64 = 10_000;

/// Numbers for gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Open cases.
    pub cases_open: u64,
    /// Notifications in doubt.
    pub unknown_open: u64,
    /// Notifications that need an operator.
    pub dead: u64,
    /// Sends whose attempt began after their case had been closed as repaired, among the latest
    /// [`REPAIRS_WATCHED`] repairs, so that the count stays cheap however long the store grows.
    /// Always 0.
    pub sends_after_repair: u64,
}

/// Looking, and what operators do with dead notifications.
#[async_trait::async_trait]
pub trait InspectStore: Send + Sync {
    /// Attempts, newest first.
    ///
    /// # Errors
    /// Could not be read.
    async fn attempts(&self, filter: &AttemptFilter) -> Result<Vec<AttemptRow>, StoreError>;

    /// Numbers for gauges.
    ///
    /// # Errors
    /// Could not be read.
    async fn stats(&self) -> Result<StoreStats, StoreError>;

    /// Notifications in state `dead` that nobody has had replayed, oldest first.
    ///
    /// # Errors
    /// Could not be read.
    async fn dead_notifications(&self, limit: usize) -> Result<Vec<Notification>, StoreError>;
}

/// The whole store.
#[async_trait::async_trait]
pub trait Store:
    SignalStore
    + DueStore
    + DeliveryStore
    + AccountStore
    + CaseStore
    + InspectStore
    + OperatorStore
    + AuditStore
    + MarkStore
    + ComingBackStore
    + KeyStore
    + FeedStore
    + PutOffStore
    + TimeZoneStore
    + AppEventStore
{
    /// Brings the schema up to this release. Safe to call from several processes at once.
    /// Answers the versions applied now.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when the schema is newer than this release.
    async fn migrate(&self) -> Result<Vec<String>, StoreError>;

    /// Whether the store answers and its schema is the one this release needs.
    ///
    /// # Errors
    /// Why not.
    async fn check(&self) -> Result<(), StoreError>;
}
