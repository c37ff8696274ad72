//! What every scenario starts from: an empty store with its schema, a clock that only the
//! scenario moves, and a policy of three steps.

use crate::postgres_server::TestDatabase;
use relink_core::Timestamp;
use relink_core::account::{Account, AccountUpsert, Channel, Contact, Role};
use relink_core::attempt::{Outcome, Reason};
use relink_core::id::{
    AccountRef, CaseId, ContactId, EventId, NotificationId, OperatorId, StepId, WorkerId,
};
use relink_core::masked::{EmailAddress, PhoneNumber, Secret};
use relink_core::notification::{NonSend, Notification, NotificationState};
use relink_core::policy::{EnabledChannels, OnUnknown, Policy, Rules, Step};
use relink_core::seal::{KEY_LEN, KeyRing, SealKey};
use relink_core::sender::Sent;
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::from_millis;
use relink_store::{
    Applied, Begin, BeginRequest, CaseHistory, Clock, Due, FinishRequest, Finished, OpenAttempt,
    Operated, OperatorAct, Store,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000;

pub(crate) const LEASE: Duration = Duration::from_secs(120);
pub(crate) const SETTLE: Duration = Duration::from_secs(10 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// An access token that must never be found anywhere.
pub(crate) const CANARY: &str = "canary-access-token-7f3a";

/// A store and its clock.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<AtomicI64>,
    place: Place,
}

enum Place {
    Folder(tempfile::TempDir),
    Server(TestDatabase),
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        Self::at(Place::Folder(tempfile::tempdir().unwrap())).await
    }

    pub(crate) async fn on_postgres() -> Self {
        Self::at(Place::Server(TestDatabase::create().await)).await
    }

    async fn at(place: Place) -> Self {
        let world = Self::unmigrated_at(place).await;
        world.store.migrate().await.unwrap();
        world
    }

    async fn unmigrated_at(place: Place) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let store = open(&place, &clock, rules(), keys()).await;
        Self { store, clock, place }
    }

    /// The same kind of database, with nothing in it.
    pub(crate) async fn unmigrated(&self) -> Self {
        let place = match self.place {
            Place::Folder(_) => Place::Folder(tempfile::tempdir().unwrap()),
            Place::Server(_) => Place::Server(TestDatabase::create().await),
        };
        Self::unmigrated_at(place).await
    }

    /// Another program on the same database, by the same clock.
    pub(crate) async fn another(&self, rules: Rules, keys: KeyRing) -> Arc<dyn Store> {
        open(&self.place, &self.clock, rules, keys).await
    }

    /// Goes on with another policy, as after a restart.
    pub(crate) async fn with_rules(mut self, rules: Rules) -> Self {
        self.store = self.another(rules, keys()).await;
        self
    }

    /// Runs SQL beside the store.
    pub(crate) async fn execute(&self, sql: &str) {
        match &self.place {
            Place::Folder(folder) => {
                let connection = rusqlite::Connection::open(file(folder)).unwrap();
                connection.busy_timeout(Duration::from_secs(5)).unwrap();
                connection.execute_batch(sql).unwrap();
            }
            Place::Server(database) => database.client().await.batch_execute(sql).await.unwrap(),
        }
    }

    /// Runs SQL beside the store with the guards of the tables off, as somebody who owns the
    /// database could.
    pub(crate) async fn unguarded(&self, sql: &str) {
        match &self.place {
            Place::Folder(folder) => {
                let connection = rusqlite::Connection::open(file(folder)).unwrap();
                connection.busy_timeout(Duration::from_secs(5)).unwrap();
                let guards: Vec<(String, String)> = connection
                    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
                    .unwrap()
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
                let off = guards.iter().map(|(name, _)| format!("DROP TRIGGER {name};"));
                let on = guards.iter().map(|(_, made)| format!("{made};"));
                let script: String =
                    off.chain([format!("{sql};")]).chain(on).collect::<Vec<_>>().join("\n");
                connection.execute_batch(&format!("BEGIN;\n{script}\nCOMMIT")).unwrap();
            }
            Place::Server(_) => {
                let sql = format!("SET session_replication_role = replica; {sql}");
                self.execute(&sql).await;
            }
        }
    }

    /// Runs SQL beside the store that the database must refuse; answers its words.
    pub(crate) async fn refused(&self, sql: &str) -> String {
        match &self.place {
            Place::Folder(folder) => {
                let connection = rusqlite::Connection::open(file(folder)).unwrap();
                connection.busy_timeout(Duration::from_secs(5)).unwrap();
                connection.execute_batch(sql).unwrap_err().to_string()
            }
            Place::Server(database) => {
                let error = database.client().await.batch_execute(sql).await.unwrap_err();
                error.as_db_error().unwrap().message().to_owned()
            }
        }
    }

    /// Takes a guard away for good.
    pub(crate) async fn drop_guard(&self) {
        self.execute(match &self.place {
            Place::Folder(_) => "DROP TRIGGER attempts_update",
            Place::Server(_) => "DROP TRIGGER attempts_update ON attempts",
        })
        .await;
    }

    /// An operator's act.
    pub(crate) async fn operate(&self, act: OperatorAct) -> Operated {
        self.store.operate(&operator(), &act).await.unwrap()
    }

    /// The bytes of every file, if the store is one on this host.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        match &self.place {
            Place::Folder(folder) => std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| (path.clone(), std::fs::read(path).unwrap()))
                .collect(),
            Place::Server(_) => Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        from_millis(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// A signal that happens now.
    pub(crate) fn signal(&self, event: &str, account: &str, kind: SignalKind) -> Signal {
        Signal {
            event_id: EventId::parse(event).unwrap(),
            account_ref: account_ref(account),
            kind,
            source: SignalSource::CobaltWebhook,
            occurred_at: self.now(),
            received_at: self.now(),
            emr_instance_domain: Some("ehr.example.org".to_owned()),
            error_type: Some("password_expired".to_owned()),
            digest: format!("digest of {event}"),
            trace: Some(TRACE.parse().unwrap()),
        }
    }

    pub(crate) async fn apply(&self, signal: Signal) -> Applied {
        self.store.apply_signals(&[signal]).await.unwrap().remove(0)
    }

    pub(crate) async fn put(&self, upsert: AccountUpsert) -> bool {
        self.store.put_accounts(&[upsert]).await.unwrap().remove(0)
    }

    /// Registers `account` and opens its case; answers once nothing is due yet.
    pub(crate) async fn open_case(&self, account: &str) -> CaseId {
        self.put(upsert(account, vec![user()])).await;
        let event = format!("event for {account}");
        self.apply(self.signal(&event, account, SignalKind::LoginRequired)).await.case_id.unwrap()
    }

    /// Opens a case and waits until its first step, an email, is due.
    pub(crate) async fn due_email(&self, account: &str) -> (CaseId, NotificationId) {
        let case = self.open_case(account).await;
        self.advance(SETTLE);
        (case, id_of(case, "first", "u1", Channel::Email))
    }

    /// Opens a case and waits until its second step, a text message, is due.
    pub(crate) async fn due_sms(&self, account: &str) -> (CaseId, NotificationId) {
        let case = self.open_case(account).await;
        self.advance(SETTLE + DAY);
        (case, id_of(case, "nudge", "u1", Channel::Sms))
    }

    pub(crate) async fn claim(&self) -> Vec<Due> {
        self.store.claim_due(100).await.unwrap()
    }

    pub(crate) async fn begin(&self, id: NotificationId) -> Begin {
        self.begin_as("w1", id).await
    }

    pub(crate) async fn begin_as(&self, worker: &str, id: NotificationId) -> Begin {
        self.store.begin(&[request(worker, id)]).await.unwrap().remove(0)
    }

    /// Begins what must be allowed to be sent.
    pub(crate) async fn send(&self, id: NotificationId) -> Box<OpenAttempt> {
        match self.begin(id).await {
            Begin::Send(open) => open,
            other => panic!("not to be sent: {other:?}"),
        }
    }

    /// Begins what must be looked up.
    pub(crate) async fn look_up(&self, id: NotificationId) -> Box<OpenAttempt> {
        match self.begin(id).await {
            Begin::LookUp(open) => open,
            other => panic!("not to be looked up: {other:?}"),
        }
    }

    /// Begins what must not be sent; answers its state and the reason.
    pub(crate) async fn not_sent(&self, id: NotificationId) -> (NotificationState, Reason) {
        match self.begin(id).await {
            Begin::NotSent { state, reason, .. } => (state, reason),
            other => panic!("not a refusal: {other:?}"),
        }
    }

    pub(crate) async fn finish(&self, open: &OpenAttempt, outcome: Outcome) -> Finished {
        self.store.finish(&[finished(open, outcome)]).await.unwrap().remove(0)
    }

    pub(crate) async fn history(&self, case: CaseId) -> CaseHistory {
        self.store.case(case).await.unwrap().unwrap()
    }

    pub(crate) async fn notification(&self, case: CaseId, id: NotificationId) -> Notification {
        let history = self.history(case).await;
        history.notifications.into_iter().find(|notification| notification.id == id).unwrap()
    }

    /// What the timeline says about one notification that was not sent, oldest first.
    pub(crate) async fn told(&self, case: CaseId, id: NotificationId) -> Vec<(NonSend, Reason)> {
        let history = self.history(case).await;
        let about = history.non_sends.iter().filter(|row| row.notification_id == Some(id));
        about.map(|row| (row.decision, row.reason)).collect()
    }

    /// State and reason of one notification.
    pub(crate) async fn stands(
        &self,
        case: CaseId,
        id: NotificationId,
    ) -> (NotificationState, Option<Reason>) {
        let notification = self.notification(case, id).await;
        (notification.state, notification.reason)
    }
}

async fn open(
    place: &Place,
    clock: &Arc<AtomicI64>,
    rules: Rules,
    keys: KeyRing,
) -> Arc<dyn Store> {
    let config = match place {
        Place::Folder(folder) => relink_config::Store::Sqlite(file(folder)),
        Place::Server(database) => relink_config::Store::Postgres(database.settings(8)),
    };
    let clock = Clock::Manual(Arc::clone(clock));
    relink_store::open(&config, Arc::new(rules), keys, clock).await.unwrap()
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("relink.db")
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Email first and then a text message a day later, and an email to an admin after three.
pub(crate) fn rules() -> Rules {
    let step = |id: &str, at, to, channels: &[Channel]| Step {
        id: StepId::parse(id).unwrap(),
        at,
        to,
        channels: channels.to_vec(),
    };
    Rules {
        policy: Policy {
            settle: SETTLE,
            expire: 30 * DAY,
            late_by_max: DAY,
            steps: vec![
                step("first", Duration::ZERO, Role::User, &[Channel::Email, Channel::Sms]),
                step("nudge", DAY, Role::User, &[Channel::Sms, Channel::Email]),
                step("escalate", 3 * DAY, Role::Admin, &[Channel::Email]),
            ],
        },
        channels: EnabledChannels { email: true, sms: true, in_app: true },
        email_on_unknown: OnUnknown::ResendOnce,
        sms_on_unknown: OnUnknown::LookUp,
        app: Vec::new(),
    }
}

pub(crate) fn operator() -> OperatorId {
    OperatorId::parse("cli:ops@host").unwrap()
}

pub(crate) fn key(id: &str, byte: u8) -> SealKey {
    SealKey::from_bytes(id, &[byte; KEY_LEN]).unwrap()
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::new(key("k1", 1), Vec::new())
}

pub(crate) fn account_ref(text: &str) -> AccountRef {
    AccountRef::parse(text).unwrap()
}

/// Somebody with an email address and a phone.
pub(crate) fn user() -> Contact {
    Contact {
        id: ContactId::parse("u1").unwrap(),
        role: Role::User,
        email: Some(EmailAddress::parse("jane.doe@example.org").unwrap()),
        phone: Some(PhoneNumber::parse("+15005550006").unwrap()),
        locale: Some("es-MX".to_owned()),
        time_zone: Some("America/New_York".to_owned()),
        sms_consent: true,
        name: Some("Jane".to_owned()),
    }
}

/// Somebody who is told after three days, by email.
pub(crate) fn admin() -> Contact {
    Contact {
        id: ContactId::parse("a1").unwrap(),
        role: Role::Admin,
        email: Some(EmailAddress::parse("admin@example.org").unwrap()),
        phone: None,
        locale: None,
        time_zone: None,
        sms_consent: false,
        name: None,
    }
}

pub(crate) fn upsert(account: &str, contacts: Vec<Contact>) -> AccountUpsert {
    AccountUpsert {
        account: Account {
            account_ref: account_ref(account),
            user_id: format!("user of {account}"),
            org_id: "clinic".to_owned(),
            emr_instance_domain: Some("ehr.example.org".to_owned()),
            contacts,
        },
        access_token: Secret::new(CANARY),
    }
}

pub(crate) fn id_of(case: CaseId, step: &str, contact: &str, channel: Channel) -> NotificationId {
    let (step, contact) = (StepId::parse(step).unwrap(), ContactId::parse(contact).unwrap());
    NotificationId::derive(case, &step, &contact, channel)
}

pub(crate) fn request(worker: &str, id: NotificationId) -> BeginRequest {
    BeginRequest { notification_id: id, worker: WorkerId::parse(worker).unwrap(), lease: LEASE }
}

/// The outcome of `open`, without jitter.
pub(crate) fn finished(open: &OpenAttempt, outcome: Outcome) -> FinishRequest {
    let accepted = outcome == Outcome::Accepted;
    FinishRequest {
        notification_id: open.snapshot.notification.id,
        number: open.number,
        fence: open.snapshot.notification.fence,
        sent: Sent {
            provider_message_id: accepted.then(|| format!("message {}", open.number)),
            ..Sent::from(outcome)
        },
        took: Duration::from_millis(250),
        jitter: 0.0,
    }
}

pub(crate) fn deferred(reason: Reason) -> Outcome {
    Outcome::Deferred { reason, retry_after: None }
}

pub(crate) fn unknown() -> Outcome {
    Outcome::Unknown { reason: Reason::NoAnswer }
}
