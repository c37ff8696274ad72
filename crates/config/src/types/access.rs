//! Who may do what, and under which secrets: `[cobalt]`, `[api]`, `[encryption]`.

use relink_core::masked::Secret;
use relink_core::seal::KeyRing;
use std::path::PathBuf;
use std::time::Duration;

/// `[cobalt]`
#[derive(Debug, Clone)]
pub struct Cobalt {
    /// `https://api.usecobalt.com`, without `/v1`.
    pub api_url: String,
    /// What is asked for to see whether an account's login works: a path below `api_url`, begins
    /// with `/`, may have a query.
    pub probe_path: String,
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
    /// How long a message is put off while Cobalt cannot say whether its account works; zero for
    /// not at all.
    pub probe_patience: Duration,
}

impl Cobalt {
    /// Whether Cobalt can be asked at all.
    pub fn has_credentials(&self) -> bool {
        self.client_id.is_some() && self.client_secret.is_some()
    }

    /// Whether Cobalt is asked for missed events: often enough, and with credentials.
    pub fn reconciles(&self) -> bool {
        self.has_credentials() && !self.reconcile_every.is_zero()
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
    /// Not read: this process is not to have them.
    NotHeld,
}
