//! The real store with faults on command, and a record of what was asked of it and when.

use super::{StandStill, stand_still};
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
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

type Watch = Box<dyn FnMut(&'static str) + Send>;

pub(crate) struct ScriptedStore {
    inner: Arc<dyn Store>,
    faults: Mutex<HashMap<&'static str, Vec<StoreError>>>,
    silent: Mutex<Vec<&'static str>>,
    calls: Mutex<Vec<(&'static str, Instant)>>,
    watch: Mutex<Option<Watch>>,
}

impl ScriptedStore {
    pub(crate) fn over(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults: Mutex::default(),
            silent: Mutex::default(),
            calls: Mutex::default(),
            watch: Mutex::default(),
        })
    }

    /// The next `times` calls of `what` fail like this.
    pub(crate) fn fail(&self, what: &'static str, times: usize, error: &StoreError) {
        let mut faults = self.faults.lock().unwrap();
        faults.entry(what).or_default().extend(vec![error.clone(); times]);
    }

    /// Calls of `what` fail no more.
    pub(crate) fn recover(&self, what: &'static str) {
        self.faults.lock().unwrap().remove(what);
    }

    /// Calls of `what` never answer from now on.
    pub(crate) fn fall_silent(&self, what: &'static str) {
        self.silent.lock().unwrap().push(what);
    }

    /// Runs `watch` with the name of each call that has succeeded, before its caller hears of it.
    pub(crate) fn watch(&self, watch: impl FnMut(&'static str) + Send + 'static) {
        *self.watch.lock().unwrap() = Some(Box::new(watch));
    }

    /// When `what` was asked, on the runtime's clock.
    pub(crate) fn asked(&self, what: &str) -> Vec<Instant> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| *name == what).map(|(_, at)| *at).collect()
    }

    async fn ask<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.lock().unwrap().push((what, Instant::now()));
        if self.silent.lock().unwrap().contains(&what) {
            std::future::pending::<()>().await;
        }
        if let Some(error) = self.faults.lock().unwrap().get_mut(what).and_then(Vec::pop) {
            return Err(error);
        }
        let _still: StandStill = stand_still();
        let answer = call.await?;
        if let Some(watch) = self.watch.lock().unwrap().as_mut() {
            watch(what);
        }
        Ok(answer)
    }
}

#[async_trait::async_trait]
impl SignalStore for ScriptedStore {
    async fn apply_signals(&self, signals: &[Signal]) -> Result<Vec<Applied>, StoreError> {
        self.ask("apply_signals", self.inner.apply_signals(signals)).await
    }
    async fn known_events(&self, ids: &[EventId]) -> Result<Vec<KnownEvent>, StoreError> {
        self.ask("known_events", self.inner.known_events(ids)).await
    }
    async fn expire_cases(&self, limit: usize) -> Result<usize, StoreError> {
        self.ask("expire_cases", self.inner.expire_cases(limit)).await
    }
}

#[async_trait::async_trait]
impl MarkStore for ScriptedStore {
    async fn mark(&self, name: &str) -> Result<Mark, StoreError> {
        self.ask("mark", self.inner.mark(name)).await
    }
    async fn take_turn(
        &self,
        name: &str,
        who: &WorkerId,
        lasts: Duration,
    ) -> Result<Option<Mark>, StoreError> {
        self.ask("take_turn", self.inner.take_turn(name, who, lasts)).await
    }
    async fn end_turn(
        &self,
        name: &str,
        who: &WorkerId,
        progress: Option<&Progress>,
    ) -> Result<(), StoreError> {
        self.ask("end_turn", self.inner.end_turn(name, who, progress)).await
    }
}

#[async_trait::async_trait]
impl FeedStore for ScriptedStore {
    async fn open_cases_of_users(&self, users: &[String]) -> Result<UsersCases, StoreError> {
        self.ask("open_cases_of_users", self.inner.open_cases_of_users(users)).await
    }
}

#[async_trait::async_trait]
impl ComingBackStore for ScriptedStore {
    async fn way_back(&self, door: &Door) -> Result<Option<WayBack>, StoreError> {
        self.ask("way_back", self.inner.way_back(door)).await
    }
    async fn note_visits(&self, case_id: CaseId, visits: &[Visit]) -> Result<(), StoreError> {
        self.ask("note_visits", self.inner.note_visits(case_id, visits)).await
    }
    async fn close_proven(&self, proof: &Proof) -> Result<Proven, StoreError> {
        self.ask("close_proven", self.inner.close_proven(proof)).await
    }
    async fn renew_link(&self, renewal: &Renewal) -> Result<Renewed, StoreError> {
        self.ask("renew_link", self.inner.renew_link(renewal)).await
    }
    async fn claim_rechecks(&self, limit: usize) -> Result<Vec<CaseId>, StoreError> {
        self.ask("claim_rechecks", self.inner.claim_rechecks(limit)).await
    }
}

#[async_trait::async_trait]
impl KeyStore for ScriptedStore {
    async fn sealed_tokens(&self) -> Result<Vec<SealedTokens>, StoreError> {
        self.ask("sealed_tokens", self.inner.sealed_tokens()).await
    }
    async fn reseal(&self, request: &ResealRequest) -> Result<Resealed, StoreError> {
        self.ask("reseal", self.inner.reseal(request)).await
    }
}

#[async_trait::async_trait]
impl PutOffStore for ScriptedStore {
    async fn put_off(&self, request: &PutOffRequest) -> Result<PutOff, StoreError> {
        self.ask("put_off", self.inner.put_off(request)).await
    }
}

#[async_trait::async_trait]
impl TimeZoneStore for ScriptedStore {
    async fn claim_zones_wanted(&self, limit: usize) -> Result<Vec<ZoneWanted>, StoreError> {
        self.ask("claim_zones_wanted", self.inner.claim_zones_wanted(limit)).await
    }
    async fn note_zone(&self, account: &AccountRef, zone: Option<&str>) -> Result<(), StoreError> {
        self.ask("note_zone", self.inner.note_zone(account, zone)).await
    }
}

#[async_trait::async_trait]
impl DueStore for ScriptedStore {
    async fn claim_due(&self, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.ask("claim_due", self.inner.claim_due(limit)).await
    }
    async fn give_back(&self, ids: &[NotificationId]) -> Result<(), StoreError> {
        self.ask("give_back", self.inner.give_back(ids)).await
    }
    async fn next_due_in(&self) -> Result<Option<Duration>, StoreError> {
        self.ask("next_due_in", self.inner.next_due_in()).await
    }
}

#[async_trait::async_trait]
impl DeliveryStore for ScriptedStore {
    async fn begin(&self, requests: &[BeginRequest]) -> Result<Vec<Begin>, StoreError> {
        self.ask("begin", self.inner.begin(requests)).await
    }
    async fn finish(&self, requests: &[FinishRequest]) -> Result<Vec<Finished>, StoreError> {
        self.ask("finish", self.inner.finish(requests)).await
    }
    async fn finish_look_up(&self, request: &LookUpRequest) -> Result<Finished, StoreError> {
        self.ask("finish_look_up", self.inner.finish_look_up(request)).await
    }
    async fn renew(
        &self,
        id: NotificationId,
        fence: i64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.ask("renew", self.inner.renew(id, fence, lease)).await
    }
}

#[async_trait::async_trait]
impl AccountStore for ScriptedStore {
    async fn put_accounts(&self, accounts: &[AccountUpsert]) -> Result<Vec<bool>, StoreError> {
        self.ask("put_accounts", self.inner.put_accounts(accounts)).await
    }
    async fn account(&self, account_ref: &AccountRef) -> Result<Option<StoredAccount>, StoreError> {
        self.ask("account", self.inner.account(account_ref)).await
    }
    async fn accounts(
        &self,
        after: Option<&AccountRef>,
        limit: usize,
    ) -> Result<Vec<StoredAccount>, StoreError> {
        self.ask("accounts", self.inner.accounts(after, limit)).await
    }
    async fn delete_account(&self, account_ref: &AccountRef) -> Result<bool, StoreError> {
        self.ask("delete_account", self.inner.delete_account(account_ref)).await
    }
    async fn access_token(&self, account_ref: &AccountRef) -> Result<Option<Secret>, StoreError> {
        self.ask("access_token", self.inner.access_token(account_ref)).await
    }
}

#[async_trait::async_trait]
impl CaseStore for ScriptedStore {
    async fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>, StoreError> {
        self.ask("cases", self.inner.cases(filter)).await
    }
    async fn case(&self, id: CaseId) -> Result<Option<CaseHistory>, StoreError> {
        self.ask("case", self.inner.case(id)).await
    }
    async fn close_case(
        &self,
        which: &OpenCase,
        reason: CloseReason,
    ) -> Result<Option<CaseId>, StoreError> {
        self.ask("close_case", self.inner.close_case(which, reason)).await
    }
    async fn hold_case(&self, id: CaseId, hold: bool) -> Result<bool, StoreError> {
        self.ask("hold_case", self.inner.hold_case(id, hold)).await
    }
}

#[async_trait::async_trait]
impl InspectStore for ScriptedStore {
    async fn attempts(&self, filter: &AttemptFilter) -> Result<Vec<AttemptRow>, StoreError> {
        self.ask("attempts", self.inner.attempts(filter)).await
    }
    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.ask("stats", self.inner.stats()).await
    }
    async fn dead_notifications(&self, limit: usize) -> Result<Vec<Notification>, StoreError> {
        self.ask("dead_notifications", self.inner.dead_notifications(limit)).await
    }
}

#[async_trait::async_trait]
impl OperatorStore for ScriptedStore {
    async fn operate(&self, by: &OperatorId, act: &OperatorAct) -> Result<Operated, StoreError> {
        self.ask("operate", self.inner.operate(by, act)).await
    }
    async fn record(&self, act: &Act) -> Result<Head, StoreError> {
        self.ask("record", self.inner.record(act)).await
    }
    async fn operator_log(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.ask("operator_log", self.inner.operator_log(after, limit)).await
    }
}

#[async_trait::async_trait]
impl AuditStore for ScriptedStore {
    async fn audit(&self, request: &AuditRequest) -> Result<Audited, StoreError> {
        self.ask("audit", self.inner.audit(request)).await
    }
}

#[async_trait::async_trait]
impl AppEventStore for ScriptedStore {
    async fn claim_events(
        &self,
        to: &EndpointId,
        most: usize,
    ) -> Result<Vec<DueEvent>, StoreError> {
        self.ask("claim_events", self.inner.claim_events(to, most)).await
    }
    async fn told(
        &self,
        event: &DueEvent,
        end: TryEnd,
        status: Option<u16>,
    ) -> Result<bool, StoreError> {
        self.ask("told", self.inner.told(event, end, status)).await
    }
    async fn give_up_endpoint(&self, to: &EndpointId, status: u16) -> Result<u64, StoreError> {
        self.ask("give_up_endpoint", self.inner.give_up_endpoint(to, status)).await
    }
    async fn next_event_in(&self, to: &EndpointId) -> Result<Option<Duration>, StoreError> {
        self.ask("next_event_in", self.inner.next_event_in(to)).await
    }
    async fn event_backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.ask("event_backlog", self.inner.event_backlog()).await
    }
    async fn app_deliveries(
        &self,
        filter: AppDeliveryFilter,
    ) -> Result<Vec<AppDeliveryRow>, StoreError> {
        self.ask("app_deliveries", self.inner.app_deliveries(filter)).await
    }
    async fn forget_events(&self, most: usize) -> Result<usize, StoreError> {
        self.ask("forget_events", self.inner.forget_events(most)).await
    }
}

#[async_trait::async_trait]
impl Store for ScriptedStore {
    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.ask("migrate", self.inner.migrate()).await
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.ask("check", self.inner.check()).await
    }
}
