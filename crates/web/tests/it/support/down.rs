//! A store that cannot be reached, whatever it is asked.

use relink_core::account::AccountUpsert;
use relink_core::case::{Case, CloseReason};
use relink_core::id::{
    AccountRef, CaseId, EndpointId, EventId, NotificationId, OperatorId, WorkerId,
};
use relink_core::masked::Secret;
use relink_core::notification::Notification;
use relink_core::operator_log::{Act, Entry, Head};
use relink_core::signal::{KnownEvent, Signal};
use relink_core::visit::Visit;
use relink_store::{
    AccountStore, AppDeliveryFilter, AppDeliveryRow, AppEventStore, Applied, AttemptFilter,
    AttemptRow, AuditRequest, AuditStore, Audited, Backlog, Begin, BeginRequest, CaseFilter,
    CaseHistory, CaseStore, ComingBackStore, DeliveryStore, Door, Due, DueEvent, DueStore,
    FeedStore, FinishRequest, Finished, InspectStore, KeyStore, LookUpRequest, Mark, MarkStore,
    OpenCase, Operated, OperatorAct, OperatorStore, Progress, Proof, Proven, PutOff, PutOffRequest,
    PutOffStore, Renewal, Renewed, ResealRequest, Resealed, SealedTokens, SignalStore, Store,
    StoreError, StoreStats, StoredAccount, TimeZoneStore, TryEnd, UsersCases, WayBack, ZoneWanted,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Result<T> = std::result::Result<T, StoreError>;

/// Answers this to everything; or to everything but the way back, which a store behind it answers.
pub(crate) struct Down {
    says: StoreError,
    back: Option<Arc<dyn Store>>,
    asked: Arc<Mutex<Vec<&'static str>>>,
}

impl Down {
    pub(crate) fn saying(error: StoreError) -> Self {
        Self { says: error, back: None, asked: Arc::default() }
    }

    /// The way back of `store`, and nothing else of it: what is asked is noted in `asked`.
    pub(crate) fn all_but_the_way_back(
        store: Arc<dyn Store>,
        asked: Arc<Mutex<Vec<&'static str>>>,
    ) -> Self {
        let says = StoreError::Refused("a page asked for more than the way back".to_owned());
        Self { says, back: Some(store), asked }
    }

    /// Notes the call; answers who is to take it.
    fn back(&self, what: &'static str) -> Result<&Arc<dyn Store>> {
        self.asked.lock().unwrap().push(what);
        self.back.as_ref().ok_or(self.says.clone())
    }

    fn say<T>(&self) -> Result<T> {
        self.asked.lock().unwrap().push("something else");
        Err(self.says.clone())
    }
}

#[async_trait::async_trait]
impl SignalStore for Down {
    async fn apply_signals(&self, _: &[Signal]) -> Result<Vec<Applied>> {
        self.say()
    }
    async fn known_events(&self, _: &[EventId]) -> Result<Vec<KnownEvent>> {
        self.say()
    }
    async fn expire_cases(&self, _: usize) -> Result<usize> {
        self.say()
    }
}

#[async_trait::async_trait]
impl MarkStore for Down {
    async fn mark(&self, _: &str) -> Result<Mark> {
        self.say()
    }
    async fn take_turn(&self, _: &str, _: &WorkerId, _: Duration) -> Result<Option<Mark>> {
        self.say()
    }
    async fn end_turn(&self, _: &str, _: &WorkerId, _: Option<&Progress>) -> Result<()> {
        self.say()
    }
}

#[async_trait::async_trait]
impl FeedStore for Down {
    async fn open_cases_of_users(&self, _: &[String]) -> Result<UsersCases> {
        self.say()
    }
}

#[async_trait::async_trait]
impl ComingBackStore for Down {
    async fn way_back(&self, door: &Door) -> Result<Option<WayBack>> {
        self.back("way_back")?.way_back(door).await
    }
    async fn note_visits(&self, case: CaseId, visits: &[Visit]) -> Result<()> {
        self.back("note_visits")?.note_visits(case, visits).await
    }
    async fn close_proven(&self, proof: &Proof) -> Result<Proven> {
        self.back("close_proven")?.close_proven(proof).await
    }
    async fn renew_link(&self, renewal: &Renewal) -> Result<Renewed> {
        self.back("renew_link")?.renew_link(renewal).await
    }
    async fn claim_rechecks(&self, limit: usize) -> Result<Vec<CaseId>> {
        self.back("claim_rechecks")?.claim_rechecks(limit).await
    }
}

#[async_trait::async_trait]
impl KeyStore for Down {
    async fn sealed_tokens(&self) -> Result<Vec<SealedTokens>> {
        self.say()
    }
    async fn reseal(&self, _: &ResealRequest) -> Result<Resealed> {
        self.say()
    }
}

#[async_trait::async_trait]
impl PutOffStore for Down {
    async fn put_off(&self, _: &PutOffRequest) -> Result<PutOff> {
        self.say()
    }
}

#[async_trait::async_trait]
impl TimeZoneStore for Down {
    async fn claim_zones_wanted(&self, _: usize) -> Result<Vec<ZoneWanted>> {
        self.say()
    }
    async fn note_zone(&self, _: &AccountRef, _: Option<&str>) -> Result<()> {
        self.say()
    }
}

#[async_trait::async_trait]
impl DueStore for Down {
    async fn claim_due(&self, _: usize) -> Result<Vec<Due>> {
        self.say()
    }
    async fn give_back(&self, _: &[NotificationId]) -> Result<()> {
        self.say()
    }
    async fn next_due_in(&self) -> Result<Option<Duration>> {
        self.say()
    }
}

#[async_trait::async_trait]
impl DeliveryStore for Down {
    async fn begin(&self, _: &[BeginRequest]) -> Result<Vec<Begin>> {
        self.say()
    }
    async fn finish(&self, _: &[FinishRequest]) -> Result<Vec<Finished>> {
        self.say()
    }
    async fn finish_look_up(&self, _: &LookUpRequest) -> Result<Finished> {
        self.say()
    }
    async fn renew(&self, _: NotificationId, _: i64, _: Duration) -> Result<bool> {
        self.say()
    }
}

#[async_trait::async_trait]
impl AccountStore for Down {
    async fn put_accounts(&self, _: &[AccountUpsert]) -> Result<Vec<bool>> {
        self.say()
    }
    async fn account(&self, _: &AccountRef) -> Result<Option<StoredAccount>> {
        self.say()
    }
    async fn accounts(&self, _: Option<&AccountRef>, _: usize) -> Result<Vec<StoredAccount>> {
        self.say()
    }
    async fn delete_account(&self, _: &AccountRef) -> Result<bool> {
        self.say()
    }
    async fn access_token(&self, _: &AccountRef) -> Result<Option<Secret>> {
        self.say()
    }
}

#[async_trait::async_trait]
impl CaseStore for Down {
    async fn cases(&self, _: &CaseFilter) -> Result<Vec<Case>> {
        self.say()
    }
    async fn case(&self, _: CaseId) -> Result<Option<CaseHistory>> {
        self.say()
    }
    async fn close_case(&self, _: &OpenCase, _: CloseReason) -> Result<Option<CaseId>> {
        self.say()
    }
    async fn hold_case(&self, _: CaseId, _: bool) -> Result<bool> {
        self.say()
    }
}

#[async_trait::async_trait]
impl InspectStore for Down {
    async fn attempts(&self, _: &AttemptFilter) -> Result<Vec<AttemptRow>> {
        self.say()
    }
    async fn stats(&self) -> Result<StoreStats> {
        self.say()
    }
    async fn dead_notifications(&self, _: usize) -> Result<Vec<Notification>> {
        self.say()
    }
}

#[async_trait::async_trait]
impl OperatorStore for Down {
    async fn operate(&self, _: &OperatorId, _: &OperatorAct) -> Result<Operated> {
        self.say()
    }
    async fn record(&self, _: &Act) -> Result<Head> {
        self.say()
    }
    async fn operator_log(&self, _: u64, _: usize) -> Result<Vec<Entry>> {
        self.say()
    }
}

#[async_trait::async_trait]
impl AuditStore for Down {
    async fn audit(&self, _: &AuditRequest) -> Result<Audited> {
        self.say()
    }
}

#[async_trait::async_trait]
impl AppEventStore for Down {
    async fn claim_events(&self, _: &EndpointId, _: usize) -> Result<Vec<DueEvent>> {
        self.say()
    }
    async fn told(&self, _: &DueEvent, _: TryEnd, _: Option<u16>) -> Result<bool> {
        self.say()
    }
    async fn give_up_endpoint(&self, _: &EndpointId, _: u16) -> Result<u64> {
        self.say()
    }
    async fn next_event_in(&self, _: &EndpointId) -> Result<Option<Duration>> {
        self.say()
    }
    async fn event_backlog(&self) -> Result<Vec<Backlog>> {
        self.say()
    }
    async fn app_deliveries(&self, _: AppDeliveryFilter) -> Result<Vec<AppDeliveryRow>> {
        self.say()
    }
    async fn forget_events(&self, _: usize) -> Result<usize> {
        self.say()
    }
}

#[async_trait::async_trait]
impl Store for Down {
    async fn migrate(&self) -> Result<Vec<String>> {
        self.say()
    }
    async fn check(&self) -> Result<()> {
        self.say()
    }
}
