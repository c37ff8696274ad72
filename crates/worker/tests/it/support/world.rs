//! A store with one policy and a clock that only the scenario moves, and the parts around it.

use super::{FakeCobalt, FakeList, FakeQueue, ScriptedSender, ScriptedStore};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use relink_core::Timestamp;
use relink_core::account::{Account, AccountUpsert, Channel, Contact, Role};
use relink_core::app_event::Endpoint;
use relink_core::attempt::Reason;
use relink_core::id::{AccountRef, CaseId, ContactId, EventId, NotificationId, StepId, WorkerId};
use relink_core::masked::{EmailAddress, PhoneNumber, Secret};
use relink_core::notification::{Notification, NotificationState};
use relink_core::policy::{EnabledChannels, OnUnknown, Policy, Rules, Step};
use relink_core::reconcile::LEFT_TO_WEBHOOK;
use relink_core::seal::{KEY_LEN, KeyRing, SealKey};
use relink_core::sender::Sender;
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::from_millis;
use relink_store::{
    AttemptRow, CaseHistory, CaseStore as _, Clock, Grouped, SignalStore as _, SqliteStore, Store,
};
use relink_worker::Metrics;
use relink_worker::circuit::Circuit;
use relink_worker::deliver::Courier;
use relink_worker::depths::Depths;
use relink_worker::outcomes::Outcomes;
use relink_worker::plan::Planner;
use relink_worker::probe::Prober;
use relink_worker::recheck::Rechecker;
use relink_worker::reconcile::{Pace, Reconciler, Tally, Wish};
use relink_worker::schedule::Scheduler;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000;

/// How long a message waits for Cobalt's word.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct World {
    pub(crate) store: Arc<ScriptedStore>,
    pub(crate) planned: Arc<Notify>,
    pub(crate) metrics: Metrics,
    /// Whose depth the scheduler sees.
    pub(crate) queue: Arc<FakeQueue>,
    pub(crate) clock: Arc<AtomicI64>,
    registry: Registry,
    pub(crate) folder: Arc<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::over(Arc::new(tempfile::tempdir().unwrap()), "relink.db", Vec::new()).await
    }

    /// One whose cases are told to these endpoints.
    pub(crate) async fn listened(app: Vec<Endpoint>) -> Self {
        Self::over(Arc::new(tempfile::tempdir().unwrap()), "relink.db", app).await
    }

    /// Where a commit costs no disk, on a machine that has such a folder: for many runs, which prove
    /// nothing about disks.
    pub(crate) async fn in_memory() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        Self::over(Arc::new(folder.unwrap()), "relink.db", Vec::new()).await
    }

    /// Another store on the disk of `world`.
    pub(crate) async fn beside(world: &Self) -> Self {
        Self::over(Arc::clone(&world.folder), "another.db", Vec::new()).await
    }

    async fn over(folder: Arc<tempfile::TempDir>, file: &str, app: Vec<Endpoint>) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let key = SealKey::from_bytes("k1", &[1; KEY_LEN]).unwrap();
        let inner = SqliteStore::open(
            &folder.path().join(file),
            Arc::new(Rules { app, ..rules() }),
            KeyRing::new(key, Vec::new()),
            Clock::Manual(Arc::clone(&clock)),
        );
        let store = ScriptedStore::over(Arc::new(inner.unwrap()));
        store.migrate().await.unwrap();
        let mut registry = Registry::default();
        let to_relink = Histogram::new([60.0, 3_600.0]);
        registry.register("relink_time_to_relink_seconds", "Said and proven", to_relink.clone());
        let metrics = Metrics::register(&mut registry, to_relink);
        let (planned, queue) = Default::default();
        Self { store, planned, metrics, queue, clock, registry, folder }
    }

    pub(crate) fn now(&self) -> Timestamp {
        from_millis(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// The store, as the duties take it.
    pub(crate) fn shared(&self) -> Arc<dyn Store> {
        Arc::<ScriptedStore>::clone(&self.store)
    }

    pub(crate) fn planner(&self) -> Planner {
        let planned = Arc::clone(&self.planned);
        Planner { store: self.shared(), metrics: self.metrics.clone(), planned }
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        let planned = Arc::clone(&self.planned);
        let depths = Depths::of(Arc::<FakeQueue>::clone(&self.queue));
        Scheduler { store: self.shared(), depths, metrics: self.metrics.clone(), planned }
    }

    pub(crate) fn courier(&self, sender: &Arc<ScriptedSender>) -> Courier {
        let (store, sender) = (self.shared(), Arc::clone(sender) as Arc<dyn Sender>);
        Courier {
            outcomes: None,
            circuit: Circuit::new(sender.channel(), self.metrics.clone()),
            prober: None,
            grouped: Grouped::new(&store),
            store,
            sender,
            metrics: self.metrics.clone(),
            worker: WorkerId::parse("test/1").unwrap(),
            public_url: "https://relink.example.org/".to_owned(),
            lease: Duration::from_secs(120),
            concurrency: 4,
            drain: Duration::from_secs(20),
        }
    }

    /// What asks `cobalt`, as a process has it.
    pub(crate) fn prober(&self, cobalt: &Arc<FakeCobalt>) -> Arc<Prober> {
        let cobalt = Arc::<FakeCobalt>::clone(cobalt);
        Prober::new(cobalt, Arc::new(rules()), PATIENCE, self.metrics.clone())
    }

    /// The same courier, but it asks Cobalt first.
    pub(crate) fn asking(&self, sender: &Arc<ScriptedSender>, prober: &Arc<Prober>) -> Courier {
        Courier { prober: Some(Arc::clone(prober)), ..self.courier(sender) }
    }

    pub(crate) fn rechecker(&self, prober: &Arc<Prober>) -> Rechecker {
        Rechecker {
            store: self.shared(),
            prober: Arc::clone(prober),
            metrics: self.metrics.clone(),
            unaskable: AtomicBool::default(),
        }
    }

    /// The outcome log of a process that shares the world's disk.
    pub(crate) fn outcomes(&self) -> Arc<Outcomes> {
        let key = SealKey::from_bytes("spool", &[2; KEY_LEN]).unwrap();
        Outcomes::open(&self.folder.path().join("outcomes"), key).unwrap()
    }

    /// Replays what `outcomes` holds, as a process does while it lives.
    pub(crate) fn replay(&self, outcomes: &Arc<Outcomes>) -> Replaying {
        let stop = CancellationToken::new();
        let (outcomes, stopping) = (Arc::clone(outcomes), stop.clone());
        let (grouped, metrics) = (Grouped::new(&self.shared()), self.metrics.clone());
        let task = tokio::spawn(async move { outcomes.run(grouped, metrics, stopping).await });
        Replaying { stop, task }
    }

    pub(crate) fn reconciler(&self, list: &Arc<FakeList>) -> Reconciler {
        Reconciler {
            events: Arc::<FakeList>::clone(list),
            store: self.shared(),
            metrics: self.metrics.clone(),
            planned: Arc::clone(&self.planned),
            worker: WorkerId::parse("test/1").unwrap(),
            pace: Pace {
                every: Duration::from_secs(600),
                first_look: DAY,
                leave_to_webhook: LEFT_TO_WEBHOOK,
            },
            progress: watch::Sender::new(Tally::default()),
        }
    }

    /// A round like any other, which nobody else is at.
    pub(crate) async fn round(&self, reconciler: &Reconciler) -> Tally {
        reconciler.round(&Wish::default()).await.unwrap().unwrap()
    }

    pub(crate) fn signal(&self, event: &str, account: &str, kind: SignalKind) -> Signal {
        Signal {
            event_id: EventId::parse(event).unwrap(),
            account_ref: AccountRef::parse(account).unwrap(),
            kind,
            source: SignalSource::CobaltWebhook,
            occurred_at: self.now(),
            received_at: self.now(),
            emr_instance_domain: None,
            error_type: None,
            digest: format!("digest of {event}"),
            trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap()),
        }
    }

    pub(crate) async fn register(&self, account: &str) {
        self.shared().put_accounts(&[upsert(account)]).await.unwrap();
    }

    /// Registers an account with this access token.
    pub(crate) async fn register_with(&self, account: &str, token: &str) {
        let account = AccountUpsert { access_token: Secret::new(token), ..upsert(account) };
        self.shared().put_accounts(&[account]).await.unwrap();
    }

    /// Opens a case whose first step, an email, is due at once, and a text a day later.
    pub(crate) async fn open_case(&self, account: &str) -> CaseId {
        self.register(account).await;
        let signal = self.signal(&format!("of {account}"), account, SignalKind::LoginRequired);
        self.store.apply_signals(&[signal]).await.unwrap()[0].case_id.unwrap()
    }

    pub(crate) async fn due_email(&self, account: &str) -> (CaseId, NotificationId) {
        let case = self.open_case(account).await;
        (case, id_of(case, "first", Channel::Email))
    }

    pub(crate) async fn due_sms(&self, account: &str) -> (CaseId, NotificationId) {
        let case = self.open_case(account).await;
        self.advance(DAY);
        (case, id_of(case, "nudge", Channel::Sms))
    }

    pub(crate) async fn history(&self, case: CaseId) -> CaseHistory {
        self.store.case(case).await.unwrap().unwrap()
    }

    pub(crate) async fn notification(&self, case: CaseId, id: NotificationId) -> Notification {
        let history = self.history(case).await;
        history.notifications.into_iter().find(|notification| notification.id == id).unwrap()
    }

    pub(crate) async fn stands(
        &self,
        case: CaseId,
        id: NotificationId,
    ) -> (NotificationState, Option<Reason>) {
        let notification = self.notification(case, id).await;
        (notification.state, notification.reason)
    }

    pub(crate) async fn attempts(&self, case: CaseId) -> Vec<AttemptRow> {
        self.history(case).await.attempts
    }

    /// The value of one line of `/metrics`; zero when it is not there.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let value = text.lines().find_map(|shown| shown.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }
}

/// A replay under way.
pub(crate) struct Replaying {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Replaying {
    /// Its process ends.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        super::soon("the end of the replay", self.task).await.unwrap();
    }
}

fn rules() -> Rules {
    let step = |id: &str, at, channels: &[Channel]| Step {
        id: StepId::parse(id).unwrap(),
        at,
        to: Role::User,
        channels: channels.to_vec(),
    };
    Rules {
        policy: Policy {
            settle: Duration::ZERO,
            expire: 30 * DAY,
            late_by_max: DAY,
            steps: vec![
                step("first", Duration::ZERO, &[Channel::Email, Channel::Sms]),
                step("nudge", DAY, &[Channel::Sms, Channel::Email]),
            ],
        },
        channels: EnabledChannels { email: true, sms: true, in_app: true },
        email_on_unknown: OnUnknown::ResendOnce,
        sms_on_unknown: OnUnknown::LookUp,
        app: Vec::new(),
    }
}

fn upsert(account: &str) -> AccountUpsert {
    let contact = Contact {
        id: ContactId::parse("u1").unwrap(),
        role: Role::User,
        email: Some(EmailAddress::parse("jane.doe@example.org").unwrap()),
        phone: Some(PhoneNumber::parse("+15005550006").unwrap()),
        locale: Some("es-MX".to_owned()),
        time_zone: None,
        sms_consent: true,
        name: Some("Jane".to_owned()),
    };
    AccountUpsert {
        account: Account {
            account_ref: AccountRef::parse(account).unwrap(),
            user_id: "user".to_owned(),
            org_id: "clinic".to_owned(),
            emr_instance_domain: None,
            contacts: vec![contact],
        },
        access_token: Secret::new("canary-access-token"),
    }
}

pub(crate) fn id_of(case: CaseId, step: &str, channel: Channel) -> NotificationId {
    let (step, contact) = (StepId::parse(step).unwrap(), ContactId::parse("u1").unwrap());
    NotificationId::derive(case, &step, &contact, channel)
}
