//! The checked configuration.

mod access;
mod app;
mod channels;
mod storage;

pub use access::*;
pub use app::*;
pub use channels::*;
pub use storage::*;

use relink_core::masked::Secret;
use relink_core::policy::{EnabledChannels, Policy, Rules};
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
    /// `[in_app]`
    pub in_app: InApp,
    /// `[[api.keys]]`
    pub api_keys: Vec<ApiKey>,
    /// `[app]`
    pub app: App,
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
            channels: EnabledChannels {
                email: self.email.enabled,
                sms: self.sms.enabled,
                in_app: self.in_app.enabled,
            },
            email_on_unknown: self.email.on_unknown,
            sms_on_unknown: self.sms.on_unknown,
            app: self.app_endpoints(),
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
    /// Open connections at once. Three quarters of them may be streams of the in-app feed.
    pub max_connections: usize,
    /// Origins of pages, other than `public_url`'s own, that may use the in-app feed.
    pub allowed_origins: Vec<String>,
    /// Whether a proxy is in front that says in `X-Forwarded-For` who asks.
    pub behind_proxy: bool,
    /// The colour of buttons on pages, `#rrggbb`; white text on it can be read.
    pub accent: String,
    /// What is shown at the top of pages.
    pub logo: Option<Logo>,
}

/// A picture, already read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// The file it is from.
    pub path: PathBuf,
    /// What it is.
    pub kind: LogoKind,
    /// At most 64 KiB.
    pub bytes: Vec<u8>,
}

/// The pictures that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoKind {
    /// Text that could hold a script, which pages do not run.
    Svg,
    /// Pixels.
    Png,
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
