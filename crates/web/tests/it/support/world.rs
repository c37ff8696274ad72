//! The web role over a store of its own. Every answer is looked through for what must never be
//! shown, and noted against what the description promises.

use super::setting::{APP_KEY, CLIENT_SECRET, OPS_KEY, Setting, config, rules};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use prometheus_client::registry::Registry;
use relink_cobalt::CobaltClient;
use relink_config::Config;
use relink_core::account::Channel;
use relink_core::attempt::Outcome;
use relink_core::id::{AccountRef, CaseId, ContactId, EventId, NotificationId, StepId, WorkerId};
use relink_core::seal::{KEY_LEN, KeyRing, SealKey};
use relink_core::sender::Sent;
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::from_millis;
use relink_core::visit::{VisitStep, Visitor, Way};
use relink_http::client::{HttpClient, Limits};
use relink_store::{Begin, BeginRequest, Clock, FinishRequest, OpenAttempt, SqliteStore, Store};
use relink_web::{Metrics, Parts, Web};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower_service::Service as _;

/// What no answer may ever show.
const TOKEN: &str = "canary-access-token-7f3a";
const EMAIL: &str = "jane.doe@example.org";
const PHONE: &str = "+14155550123";

/// A method, a described path, and a status that was answered.
pub(crate) type Asked = (String, String, u16);

pub(crate) struct World {
    pub(crate) web: Web,
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<AtomicI64>,
    registry: Registry,
    asked: Mutex<BTreeSet<Asked>>,
    _folder: tempfile::TempDir,
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The page with the slashes that the template escapes.
    pub(crate) fn html(&self) -> String {
        self.text.replace("&#x2f;", "/")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The problem's word and detail; fails on anything that is not a problem of this status.
    pub(crate) fn problem(&self) -> (String, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status);
        assert!(!body["title"].as_str().unwrap().is_empty());
        let text = |name: &str| body[name].as_str().unwrap_or("").to_owned();
        (text("code"), text("detail"))
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::set(Setting::default()).await
    }

    /// Over a store of its own.
    pub(crate) async fn set(setting: Setting) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(1_767_225_600_000));
        let key = SealKey::from_bytes("k1", &[1; KEY_LEN]).unwrap();
        let path = folder.path().join("relink.db");
        let manual = Clock::Manual(Arc::clone(&clock));
        let store =
            SqliteStore::open(&path, Arc::new(rules()), KeyRing::new(key, Vec::new()), manual);
        let store: Arc<dyn Store> = Arc::new(store.unwrap());
        store.migrate().await.unwrap();
        Self::over(store, &setting, clock, folder)
    }

    /// The same over a store that the scenario brings.
    pub(crate) fn with(store: Arc<dyn Store>) -> Self {
        Self::over(store, &Setting::default(), Arc::default(), tempfile::tempdir().unwrap())
    }

    /// The same world, asked through another store.
    pub(crate) fn through(self, store: Arc<dyn Store>, setting: &Setting) -> Self {
        Self::over(store, setting, self.clock, self._folder)
    }

    fn over(
        store: Arc<dyn Store>,
        setting: &Setting,
        clock: Arc<AtomicI64>,
        folder: tempfile::TempDir,
    ) -> Self {
        let config = config(setting);
        let cobalt = asked(&config);
        Self::configured(store, &config, cobalt, clock, folder)
    }

    /// The same with these origins allowed, over a Cobalt if there is one.
    pub(crate) async fn allowing(origins: &[&str]) -> Self {
        Self::changed(|config| {
            config.web.allowed_origins = origins.iter().map(|one| (*one).to_owned()).collect();
        })
        .await
    }

    /// The same with another configuration. With credentials for it, Cobalt is asked.
    pub(crate) async fn changed(change: impl FnOnce(&mut Config)) -> Self {
        let Self { store, clock, _folder, .. } = Self::new().await;
        let mut config = config(&Setting::default());
        change(&mut config);
        let cobalt = asked(&config);
        Self::configured(store, &config, cobalt, clock, _folder)
    }

    fn configured(
        store: Arc<dyn Store>,
        config: &Config,
        cobalt: Option<CobaltClient>,
        clock: Arc<AtomicI64>,
        folder: tempfile::TempDir,
    ) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let web = Web::build(Parts { store: Arc::clone(&store), config, cobalt, metrics });
        Self { web, store, clock, registry, asked: Mutex::default(), _folder: folder }
    }

    /// Asks as an operator, who may do everything.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Reply {
        self.ask_as(Some(OPS_KEY), method, path).await
    }

    pub(crate) async fn ask_as(&self, key: Option<&str>, method: &str, path: &str) -> Reply {
        let request = Request::builder().method(method).uri(path);
        let request = match key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        };
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn put(&self, account_ref: &str, body: &Value) -> Reply {
        self.put_text(account_ref, "application/json", body.to_string()).await
    }

    pub(crate) async fn put_text(
        &self,
        account_ref: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> Reply {
        let request = Request::put(format!("/v1/accounts/{account_ref}"))
            .header("authorization", format!("Bearer {APP_KEY}"))
            .header("content-type", kind);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.web.router().call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let endless = parts.headers.get("content-type").is_some_and(|of| of == "text/event-stream");
        let bytes = match endless {
            true => first_frame(body).await,
            false => body.collect().await.unwrap().to_bytes(),
        };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let reply = Reply { status: parts.status.as_u16(), headers: parts.headers, text };
        let shown = format!("{reply:?}");
        for secret in [TOKEN, EMAIL, PHONE, APP_KEY, OPS_KEY, CLIENT_SECRET] {
            assert!(!shown.contains(secret), "{method} {path} shows {secret}: {shown}");
        }
        if method != Method::HEAD
            && let Some(template) = template(&path)
        {
            let asked = (method.to_string(), template, reply.status);
            self.asked.lock().unwrap().insert(asked);
        }
        reply
    }

    /// Everything that was answered so far on described paths.
    pub(crate) fn asked(&self) -> BTreeSet<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn now(&self) -> relink_core::Timestamp {
        from_millis(self.clock.load(Ordering::SeqCst))
    }

    /// A link as a person got it, without the host, and its case.
    pub(crate) async fn link(&self) -> (String, CaseId) {
        let case = self.open_case("clinic_1").await;
        let open = self.send_first(case, Outcome::Accepted).await;
        (open.link.url(""), case)
    }

    /// Presses a button without a script, as browsers of today do.
    pub(crate) async fn press(&self, path: &str) -> Reply {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html,application/xhtml+xml")
            .header("origin", "null")
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-user", "?1");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Does what the page's script does.
    pub(crate) async fn script(&self, path: &str, body: &Value) -> Reply {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("origin", "http://127.0.0.1:8081")
            .header("sec-fetch-site", "same-origin");
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    /// What people who came back did, as recorded.
    pub(crate) async fn visits(&self, case: CaseId) -> Vec<String> {
        let history = self.store.case(case).await.unwrap().unwrap();
        let told = history.visits.iter().map(|visit| format!("{} {}", visit.step, visit.visitor));
        told.collect()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Opens a case of an account registered meanwhile; its email is due at once.
    pub(crate) async fn open_case(&self, account_ref: &str) -> CaseId {
        assert!(self.put(account_ref, &account()).await.status < 300);
        self.open_case_with(account_ref, None, "password_expired").await
    }

    /// Opens a case of an account that is registered, with these words of Cobalt in it.
    pub(crate) async fn open_case_with(
        &self,
        account_ref: &str,
        domain: Option<&str>,
        error_type: &str,
    ) -> CaseId {
        let signal = self.signal_of(account_ref, SignalKind::LoginRequired, self.now());
        let signal = Signal {
            emr_instance_domain: domain.map(str::to_owned),
            error_type: Some(error_type.to_owned()),
            ..signal
        };
        self.store.apply_signals(&[signal]).await.unwrap()[0].case_id.unwrap()
    }

    /// Applies a signal of this moment; answers its case.
    pub(crate) async fn signal(
        &self,
        account_ref: &str,
        kind: SignalKind,
        now: relink_core::Timestamp,
    ) -> Option<CaseId> {
        let signal = self.signal_of(account_ref, kind, now);
        self.store.apply_signals(&[signal]).await.unwrap()[0].case_id
    }

    fn signal_of(
        &self,
        account_ref: &str,
        kind: SignalKind,
        now: relink_core::Timestamp,
    ) -> Signal {
        Signal {
            event_id: EventId::parse(&format!("{account_ref} {kind} at {now}")).unwrap(),
            account_ref: AccountRef::parse(account_ref).unwrap(),
            kind,
            source: SignalSource::CobaltWebhook,
            occurred_at: now,
            received_at: now,
            emr_instance_domain: None,
            error_type: Some("password_expired".into()),
            digest: "digest".into(),
            trace: None,
        }
    }

    /// What is on a case's timeline of people who came back.
    pub(crate) async fn came(&self, case: &str) -> Vec<(VisitStep, Way, Visitor)> {
        let history = self.store.case(case.parse().unwrap()).await.unwrap().unwrap();
        history.visits.into_iter().map(|visit| (visit.step, visit.way, visit.visitor)).collect()
    }

    /// Begins the first email of a case and leaves it under way.
    pub(crate) async fn begin(&self, case: CaseId) -> Box<OpenAttempt> {
        self.send_step(case, "first").await
    }

    /// Begins the email of a step: its link works from then on.
    pub(crate) async fn send_step(&self, case: CaseId, step: &str) -> Box<OpenAttempt> {
        let request = BeginRequest {
            notification_id: id_of(case, step, Channel::Email),
            worker: WorkerId::parse("test").unwrap(),
            lease: Duration::from_secs(60),
        };
        let begun = self.store.begin(&[request]).await.unwrap().remove(0);
        let Begin::Send(open) = begun else { panic!("not to be sent: {begun:?}") };
        open
    }

    /// Sends the first email of a case, with this outcome.
    pub(crate) async fn send_first(&self, case: CaseId, outcome: Outcome) -> Box<OpenAttempt> {
        let open = self.begin(case).await;
        let finish = FinishRequest {
            notification_id: open.snapshot.notification.id,
            number: open.number,
            fence: open.snapshot.notification.fence,
            sent: Sent { provider_message_id: Some("<m@x>".into()), ..Sent::from(outcome) },
            took: Duration::from_millis(250),
            jitter: 0.0,
        };
        self.store.finish(&[finish]).await.unwrap();
        open
    }

    /// What `/metrics` shows.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

async fn first_frame(mut body: Body) -> bytes::Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

fn id_of(case: CaseId, step: &str, channel: Channel) -> NotificationId {
    let (step, contact) = (StepId::parse(step).unwrap(), ContactId::parse("u1").unwrap());
    NotificationId::derive(case, &step, &contact, channel)
}

/// An account with one person who can be reached both ways.
pub(crate) fn account() -> Value {
    json!({
        "user_id": "user-1", "org_id": "clinic", "access_token": TOKEN,
        "emr_instance_domain": "https://ehr.example.org",
        "contacts": [{
            "id": "u1", "role": "user", "email": EMAIL, "phone": PHONE, "locale": "en",
            "time_zone": "America/New_York", "sms_consent": true, "name": "Jane",
        }],
    })
}

/// What the description promises: method, path, status.
pub(crate) fn documented() -> BTreeSet<Asked> {
    let document = serde_json::to_value(relink_web::openapi()).unwrap();
    let mut all = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for status in operation["responses"].as_object().unwrap().keys() {
                all.insert((method.to_uppercase(), path.clone(), status.parse().unwrap()));
            }
        }
    }
    all
}

/// The described path that `path` is an instance of.
fn template(path: &str) -> Option<String> {
    let given: Vec<&str> = path.split('/').collect();
    let fits = |template: &String| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == given.len()
            && parts.iter().zip(&given).all(|(part, given)| part.starts_with('{') || part == given)
    };
    relink_web::openapi().paths.paths.into_keys().find(fits)
}

/// What asks Cobalt, with credentials for it.
fn asked(config: &Config) -> Option<CobaltClient> {
    config.cobalt.has_credentials().then(|| {
        let http = HttpClient::new(Limits::default()).unwrap();
        CobaltClient::new(&config.cobalt, http).unwrap()
    })
}
