//! Accounts, signals and stores to test with.

use crate::server::TestDatabase;
use relink_core::Timestamp;
use relink_core::account::{AccountInput, AccountUpsert, Channel, Role};
use relink_core::id::{AccountRef, EventId, NotificationId, StepId, WorkerId};
use relink_core::policy::{EnabledChannels, OnUnknown, Policy, Rules, Step};
use relink_core::seal::{KEY_LEN, KeyRing, SealKey};
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::whole_millis;
use relink_store::{BeginRequest, Clock, PostgresStore, Store as _};
use std::sync::Arc;
use std::time::Duration;

/// One email to the user at once; one text message to her an hour later.
pub(crate) fn rules() -> Arc<Rules> {
    let step = |id: &str, at: u64, channels: Vec<Channel>| Step {
        id: StepId::parse(id).unwrap(),
        at: Duration::from_secs(at),
        to: Role::User,
        channels,
    };
    Arc::new(Rules {
        policy: Policy {
            settle: Duration::ZERO,
            expire: Duration::from_secs(30 * 24 * 3_600),
            late_by_max: Duration::from_secs(24 * 3_600),
            steps: vec![
                step("first", 0, vec![Channel::Email, Channel::Sms]),
                step("nudge", 3_600, vec![Channel::Sms, Channel::Email]),
            ],
        },
        channels: EnabledChannels { email: true, sms: true, in_app: true },
        email_on_unknown: OnUnknown::ResendOnce,
        sms_on_unknown: OnUnknown::LookUp,
        app: Vec::new(),
    })
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::new(SealKey::from_bytes("k1", &[7; KEY_LEN]).unwrap(), Vec::new())
}

/// A store on `database` with the server's clock; its schema is made.
pub(crate) async fn store(database: &TestDatabase, max_connections: usize) -> PostgresStore {
    store_at(database, max_connections, Clock::System).await
}

pub(crate) async fn store_at(
    database: &TestDatabase,
    max_connections: usize,
    clock: Clock,
) -> PostgresStore {
    let settings = database.settings(max_connections);
    let store = PostgresStore::open(&settings, rules(), keys(), clock).unwrap();
    store.migrate().await.unwrap();
    store
}

pub(crate) fn account_ref(number: usize) -> AccountRef {
    AccountRef::parse(&format!("clinic_{number}")).unwrap()
}

pub(crate) fn account(number: usize) -> AccountUpsert {
    let json = format!(
        r#"{{"user_id":"u{number}","org_id":"o","access_token":"token-{number}","contacts":[
            {{"id":"ann","role":"user","email":"ann{number}@example.org",
              "phone":"+1500555{number:04}","sms_consent":true}}]}}"#
    );
    let input: AccountInput = serde_json::from_str(&json).unwrap();
    input.check(account_ref(number)).unwrap()
}

pub(crate) fn signal(event: &str, number: usize, kind: SignalKind) -> Signal {
    signal_at(event, number, kind, whole_millis(Timestamp::now()))
}

pub(crate) fn signal_at(event: &str, number: usize, kind: SignalKind, at: Timestamp) -> Signal {
    Signal {
        event_id: EventId::parse(event).unwrap(),
        account_ref: account_ref(number),
        kind,
        source: SignalSource::CobaltWebhook,
        occurred_at: at,
        received_at: at,
        emr_instance_domain: None,
        error_type: Some("password_expired".to_owned()),
        digest: format!("digest of {event}"),
        trace: None,
    }
}

pub(crate) fn begin_request(id: NotificationId, worker: &str) -> BeginRequest {
    BeginRequest {
        notification_id: id,
        worker: WorkerId::parse(worker).unwrap(),
        lease: Duration::from_secs(120),
    }
}

/// A store on `database` whose schema is left as it is.
pub(crate) fn unmigrated(database: &TestDatabase, max_connections: usize) -> PostgresStore {
    let settings = database.settings(max_connections);
    PostgresStore::open(&settings, rules(), keys(), Clock::System).unwrap()
}
