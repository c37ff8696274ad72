//! The checked configuration.

use relink_core::masked::Secret;
use relink_core::policy::{EnabledChannels, OnUnknown, Policy, Rules};
use relink_core::seal::KeyRing;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything `config/relink.toml` says.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[instance]`
    pub instance: Instance,
    /// `[receiver]`
    pub receiver: Receiver,
    /// `[web]`
    pub web: Web,
    /// `[work]`
    pub work: Work,
    /// `[admin]`
    pub admin: Admin,
    /// `[queue]`
    pub queue: Queue,
    /// `[store]`
    pub store: Store,
    /// `[cobalt]`
    pub cobalt: Cobalt,
    /// `[email]`
    pub email: Email,
    /// `[sms]`
    pub sms: Sms,
    /// `[[api.keys]]`
    pub api_keys: Vec<ApiKey>,
    /// `[encryption]`
    pub encryption: Encryption,
    /// `[policy]`
    pub policy: Policy,
    /// `[log]`
    pub log: Log,
}

impl Config {
    /// What the decisions in `relink_core` need.
    pub fn rules(&self) -> Rules {
        Rules {
            policy: self.policy.clone(),
            channels: EnabledChannels { email: self.email.enabled, sms: self.sms.enabled },
            email_on_unknown: self.email.on_unknown,
            sms_on_unknown: self.sms.on_unknown,
        }
    }
}

/// `[instance]`
#[derive(Debug, Clone)]
pub struct Instance {
    /// How messages call the sender's product.
    pub name: String,
    /// Spool, embedded queue and SQLite store live here.
    pub data_dir: PathBuf,
    /// What links in messages start with; no trailing slash.
    pub public_url: String,
}

/// When the receiver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyAfter {
    /// After the fsync of the spool.
    Spool,
    /// After the broker's confirm, or 250 ms after the fsync if that has not come.
    Broker,
}

/// `[receiver]`
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether another receiver may listen there at the same time.
    pub reuse_port: bool,
    /// When it answers.
    pub reply_after: ReplyAfter,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// Requests in hand at once; more are answered 503.
    pub max_in_flight: usize,
    /// Open connections at once.
    pub max_connections: usize,
    /// The spool's cap, in bytes.
    pub spool_max: u64,
    /// The share of the disk, 0.0 to 0.9, that must stay free for the spool to take more.
    pub min_free: f64,
    /// What requests that failed their signature may take up on the disk, in bytes; 0 keeps none.
    pub quarantine_max: u64,
    /// How long they are kept.
    pub quarantine_keep: Duration,
    /// The file of the key that seals spool, quarantine and embedded queue; made on first start.
    pub spool_key: SpoolKey,
}

/// Where the spool's key comes from.
#[derive(Debug, Clone)]
pub enum SpoolKey {
    /// A file; made on first start when it is missing.
    File(PathBuf),
    /// A value given by the environment or the file itself.
    Value(Secret),
}

/// `[web]`
#[derive(Debug, Clone)]
pub struct Web {
    /// Where pages and the app's API listen.
    pub listen: SocketAddr,
    /// Whether another process of the web role may listen there at the same time.
    pub reuse_port: bool,
}

/// `[work]`
#[derive(Debug, Clone)]
pub struct Work {
    /// How long a notification stays with a worker that fell silent; renewed while it sends.
    pub lease: Duration,
    /// How long sends in hand may take once a worker is told to stop.
    pub drain: Duration,
}

/// `[admin]`
#[derive(Debug, Clone)]
pub struct Admin {
    /// `/livez`, `/readyz`, `/metrics`.
    pub listen: SocketAddr,
}

/// `[queue]`
#[derive(Debug, Clone)]
pub enum Queue {
    /// A durable log in the data folder, for one process.
    Embedded,
    /// RabbitMQ 3.10 or later.
    RabbitMq(RabbitMq),
}

/// `[queue.rabbitmq]`
#[derive(Debug, Clone)]
pub struct RabbitMq {
    /// Tried in turn. Each may hold a password, hence secret.
    pub urls: Vec<Secret>,
    /// Exchange name and prefix of every queue.
    pub prefix: String,
    /// Messages published and not yet confirmed at once.
    pub publish_window: usize,
    /// From a message's death at the delivery limit to its one replay by a worker; zero for never.
    pub auto_replay_after: Duration,
}

/// `[store]`
#[derive(Debug, Clone)]
pub enum Store {
    /// A file, already resolved against `data_dir`.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Postgres),
}

/// PostgreSQL's part of `[store]`.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// `postgres://user@host/db`, which may hold a password.
    pub url: Secret,
    /// `disable` or `verify-full`.
    pub tls: PgTls,
    /// Connections at most.
    pub max_connections: usize,
}

/// How PostgreSQL connections are secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PgTls {
    /// In the clear: loopback and private networks only.
    Disable,
    /// Encrypted, with the certificate and the host name checked.
    VerifyFull,
}

/// `[cobalt]`
#[derive(Debug, Clone)]
pub struct Cobalt {
    /// `https://api.usecobalt.com`, without `/v1`.
    pub api_url: String,
    /// Cobalt's Link script.
    pub link_script_url: String,
    /// Header `client_id`; one pair of surrounding quotes and white space is stripped.
    pub client_id: Option<Secret>,
    /// Header `client_secret`; the same.
    pub client_secret: Option<Secret>,
    /// Every live secret is tried.
    pub webhook_secrets: Vec<WebhookSecret>,
    /// How often Cobalt is asked for events that no webhook brought; zero for never.
    pub reconcile_every: Duration,
    /// How far back the very first of these looks.
    pub reconcile_first: Duration,
}

impl Cobalt {
    /// Whether Cobalt is asked for missed events: often enough, and with credentials.
    pub fn reconciles(&self) -> bool {
        let credentials = self.client_id.is_some() && self.client_secret.is_some();
        credentials && !self.reconcile_every.is_zero()
    }
}

/// `[[cobalt.webhook_secrets]]`
#[derive(Debug, Clone)]
pub struct WebhookSecret {
    /// Names the secret in logs and metrics.
    pub id: String,
    /// The secret.
    pub secret: Secret,
    /// When it stops counting.
    pub not_after: Option<relink_core::Timestamp>,
}

/// How SMTP connections are secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// In the clear.
    None,
    /// STARTTLS, required.
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// `[email]`
#[derive(Debug, Clone)]
pub struct Email {
    /// Whether email is used at all.
    pub enabled: bool,
    /// `Name <address>` or an address.
    pub from: Mailbox,
    /// Where people's replies go.
    pub reply_to: Option<Mailbox>,
    /// The relay.
    pub smtp: Smtp,
    /// `resend_once` or `hold`.
    pub on_unknown: OnUnknown,
    /// Connections, and so sends, at once.
    pub concurrency: usize,
}

/// A display name, if any, and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// No control characters.
    pub name: Option<String>,
    /// The address. The installation's own, so not masked.
    pub address: String,
}

/// `[email] smtp`
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Security.
    pub tls: SmtpTls,
    /// A PEM file of roots to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Set together with the password.
    pub credentials: Option<(String, Secret)>,
    /// What EHLO says; the host's name when not set.
    pub helo: Option<String>,
}

/// `[sms]`
#[derive(Debug, Clone)]
pub struct Sms {
    /// Whether text messages are used at all.
    pub enabled: bool,
    /// `https://api.twilio.com`
    pub api_url: String,
    /// `AC…`; empty only when not enabled.
    pub account_sid: String,
    /// The API user: the account sid, or an API key sid.
    pub api_user: String,
    /// The account's auth token, or the API key's secret.
    pub auth_token: Secret,
    /// The sender.
    pub from: SmsFrom,
    /// `look_up` or `hold`.
    pub on_unknown: OnUnknown,
    /// Requests at once.
    pub concurrency: usize,
}

/// Who a text message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmsFrom {
    /// A number in E.164.
    Number(String),
    /// `MG…`
    MessagingService(String),
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiRole {
    /// Accounts, reports, feed.
    App,
    /// Everything.
    Ops,
}

/// `[[api.keys]]`
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Names the key in logs.
    pub id: String,
    /// What it may do.
    pub role: ApiRole,
    /// The bearer token, at least 16 characters.
    pub secret: Secret,
}

/// `[encryption]`
#[derive(Debug, Clone)]
pub enum Encryption {
    /// Configured keys: the first seals, all open.
    Keys(KeyRing),
    /// None configured with SQLite: `encryption.key` in the data folder, made on first start.
    File(PathBuf),
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// Pretty or JSON.
    pub format: LogFormat,
    /// A `tracing` filter such as `info,relink_worker=debug`.
    pub filter: String,
}
