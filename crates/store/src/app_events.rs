//! The interface of telling the customer's app: events are written in the transaction of what they
//! tell of, one delivery for each endpoint that wants them; here they are taken, told and shown.

use crate::StoreError;
use relink_core::Timestamp;
use relink_core::app_event::{AppEventKind, DeliveryState};
use relink_core::id::{AccountRef, AppEventId, CaseId, EndpointId};
use serde::Serialize;
use std::time::Duration;

/// How long a taken delivery stays with whoever took it: the longest call, and time to record it.
pub const TELL_LEASE: Duration = Duration::from_secs(20);

/// A delivery whose moment has come, taken by the caller until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEvent {
    /// Which event.
    pub event_id: AppEventId,
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// What happened.
    pub kind: AppEventKind,
    /// The body, as it is signed and sent.
    pub body: String,
    /// Tries that failed before.
    pub tries: u32,
    /// Until when it is held; rises with every taking, so that it also says whose it is.
    pub lease: Timestamp,
}

/// How one try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryEnd {
    /// The endpoint has it.
    Delivered,
    /// Try again after this long.
    Again(Duration),
    /// Nothing more is tried.
    GivenUp,
}

/// One event's delivery to one endpoint, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppDeliveryRow {
    /// Which event.
    pub event_id: AppEventId,
    /// What happened.
    pub kind: AppEventKind,
    /// The case.
    pub case_id: CaseId,
    /// Its account.
    pub account_ref: AccountRef,
    /// When it happened.
    pub at: Timestamp,
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// Where the delivery stands.
    pub state: DeliveryState,
    /// Tries that ended.
    pub tries: u32,
    /// The status of the last answer, if one came.
    pub last_status: Option<u16>,
    /// When the last try ended.
    pub last_at: Option<Timestamp>,
}

/// What waits for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// Deliveries that are pending.
    pub pending: u64,
    /// How long ago the oldest of them happened.
    pub oldest: Duration,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct AppDeliveryFilter {
    /// Only those that were given up.
    pub failed: bool,
    /// At most this many; newest first.
    pub limit: usize,
}

/// Telling the customer's app.
#[async_trait::async_trait]
pub trait AppEventStore: Send + Sync {
    /// Takes up to `limit` due deliveries of `endpoint` for [`TELL_LEASE`], the longest due first.
    /// Concurrent callers get different ones.
    ///
    /// # Errors
    /// Nothing was taken.
    async fn claim_events(
        &self,
        endpoint: &EndpointId,
        limit: usize,
    ) -> Result<Vec<DueEvent>, StoreError>;

    /// Records how a try ended. `false` when the lease had ended and somebody else has it.
    ///
    /// # Errors
    /// Nothing was written; it is due again when the lease ends.
    async fn told(
        &self,
        event: &DueEvent,
        end: TryEnd,
        status: Option<u16>,
    ) -> Result<bool, StoreError>;

    /// Gives up everything that is pending for an endpoint that wants no more. Answers how many.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn give_up_endpoint(&self, endpoint: &EndpointId, status: u16)
    -> Result<u64, StoreError>;

    /// How long until something is due for `endpoint`; `None` when nothing is pending.
    ///
    /// # Errors
    /// Not known.
    async fn next_event_in(&self, endpoint: &EndpointId) -> Result<Option<Duration>, StoreError>;

    /// What waits, by endpoint; endpoints for which nothing does are left out.
    ///
    /// # Errors
    /// Could not be read.
    async fn event_backlog(&self) -> Result<Vec<Backlog>, StoreError>;

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// Could not be read.
    async fn app_deliveries(
        &self,
        filter: AppDeliveryFilter,
    ) -> Result<Vec<AppDeliveryRow>, StoreError>;

    /// Removes up to `limit` events that were delivered everywhere, are older than
    /// [`KEPT_FOR`](relink_core::app_event::KEPT_FOR) and whose case has ended: as long as it is
    /// open, the row is what keeps its fact from being told twice. Answers how many.
    ///
    /// # Errors
    /// Nothing was removed.
    async fn forget_events(&self, limit: usize) -> Result<usize, StoreError>;
}
