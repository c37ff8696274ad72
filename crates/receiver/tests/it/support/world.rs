//! A running receiver with a spool of its own, and its end.

use super::queue::Handle;
use super::{FaultyDisk, Reply, ScriptedQueue, eventually, exchange, signed};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use relink_cobalt::Verifier;
use relink_config::{ApiKey, ApiRole, ReplyAfter, SpoolKey, WebhookSecret};
use relink_core::Timestamp;
use relink_core::masked::Secret;
use relink_core::seal::{KEY_LEN, SealKey};
use relink_http::listener::{Listener, bind};
use relink_queue::log::{LogOptions, SegmentLog};
use relink_receiver::quarantine::{Folder, Held, Kept, Limits, Quarantine, arrival_pass};
use relink_receiver::{Parts, Receiver, RunError};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &str = "your_webhook_secret_key";
pub(crate) const APP_KEY: &str = "app-key-0123456789abcdef";
pub(crate) const OPS_KEY: &str = "ops-key-0123456789abcdef";

/// How a world differs from the usual one.
pub(crate) struct Setup {
    pub(crate) queue: Arc<ScriptedQueue>,
    pub(crate) disk: FaultyDisk,
    pub(crate) reply_after: ReplyAfter,
    pub(crate) max_in_flight: usize,
    pub(crate) max_connections: usize,
    pub(crate) spool_max: u64,
    pub(crate) quarantine_max: u64,
    pub(crate) quarantine_keep: Duration,
    pub(crate) secrets: Vec<WebhookSecret>,
    /// When events may leave the spool; at once without.
    pub(crate) go: Option<CancellationToken>,
    /// Whether somebody else keeps the socket open.
    pub(crate) kept_socket: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            queue: ScriptedQueue::good(),
            disk: FaultyDisk::default(),
            reply_after: ReplyAfter::Spool,
            max_in_flight: 256,
            max_connections: 1024,
            spool_max: 64 << 20,
            quarantine_max: 16 << 20,
            quarantine_keep: Duration::from_secs(3600),
            secrets: vec![WebhookSecret {
                id: "current".into(),
                secret: Secret::new(SECRET),
                not_after: None,
            }],
            go: None,
            kept_socket: false,
        }
    }
}

pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) queue: Arc<ScriptedQueue>,
    pub(crate) spool: SegmentLog,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), RunError>>,
    registry: Registry,
    dir: TempDir,
}

/// Seals the spool and the quarantine.
fn spool_key() -> SealKey {
    SealKey::from_bytes("test", &[7; KEY_LEN]).unwrap()
}

/// Opens a spool in `dir`.
pub(crate) fn open_spool(dir: &Path, disk: &FaultyDisk, max_bytes: u64) -> SegmentLog {
    let options = LogOptions { max_bytes, ..LogOptions::new(dir.join("spool"), "spool") };
    SegmentLog::open_on(options, spool_key(), Arc::new(disk.clone())).unwrap()
}

impl World {
    pub(crate) async fn usual() -> Self {
        Self::start(Setup::default()).await
    }

    pub(crate) async fn start(setup: Setup) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), setup).await
    }

    pub(crate) async fn start_in(dir: TempDir, setup: Setup) -> Self {
        let config = relink_config::Receiver {
            listen: ([127, 0, 0, 1], 0).into(),
            reuse_port: false,
            reply_after: setup.reply_after,
            max_body: 64 * 1024,
            max_in_flight: setup.max_in_flight,
            max_connections: setup.max_connections,
            spool_max: setup.spool_max,
            min_free: 0.1,
            quarantine_max: setup.quarantine_max,
            quarantine_keep: setup.quarantine_keep,
            spool_key: SpoolKey::File(dir.path().join("unused")),
        };
        let key =
            |id: &str, role, secret| ApiKey { id: id.into(), role, secret: Secret::new(secret) };
        let api_keys = [key("app", ApiRole::App, APP_KEY), key("ops", ApiRole::Ops, OPS_KEY)];
        let spool = open_spool(dir.path(), &setup.disk, setup.spool_max);
        let limits = Limits {
            max_bytes: config.quarantine_max,
            keep: config.quarantine_keep,
            min_free: config.min_free,
        };
        let folder = Folder::in_data_dir(dir.path());
        let quarantine = Quarantine::new(folder, spool_key(), Arc::new(setup.disk.clone()), limits);
        let parts = Parts {
            config: &config,
            verifier: Verifier::new(&setup.secrets),
            api_keys: &api_keys,
            spool: spool.clone(),
            quarantine: (setup.quarantine_max > 0).then_some(quarantine),
            queue: Arc::new(Handle(Arc::clone(&setup.queue))),
        };
        let mut registry = Registry::default();
        let mut receiver = Receiver::build(parts, &mut registry);
        if let Some(go) = setup.go {
            receiver = receiver.forwarding_after(go);
        }
        let listener = match setup.kept_socket {
            true => {
                let socket = std::net::TcpListener::bind(config.listen).unwrap();
                Listener::inherited(socket).unwrap()
            }
            false => bind(config.listen).await.unwrap().into(),
        };
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(receiver.run(listener, shutdown.clone()));
        Self { addr, queue: setup.queue, spool, shutdown, running, registry, dir }
    }

    /// Posts a genuine webhook.
    pub(crate) async fn webhook(&self, body: &str) -> Reply {
        exchange(self.addr, &signed(SECRET, body.as_bytes())).await
    }

    /// The value of one line of the metrics, 0 when the line is not there.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text.lines()
            .find_map(|found| found.strip_prefix(line)?.strip_prefix(' '))
            .map_or(0.0, |value| value.parse().unwrap())
    }

    /// What is in the quarantine, oldest first.
    pub(crate) fn quarantined(&self) -> Vec<Kept> {
        Folder::in_data_dir(self.dir.path()).list().unwrap()
    }

    /// One of it, opened.
    pub(crate) fn held(&self, kept: &Kept) -> Held {
        Folder::in_data_dir(self.dir.path()).open(&spool_key(), &kept.name).unwrap()
    }

    /// What the command that sends a request in again proves its arrival with.
    pub(crate) fn arrival_pass(&self, at: Timestamp, body: &str) -> String {
        arrival_pass(&spool_key(), at, body.as_bytes()).unwrap()
    }

    /// The count of what became of requests that failed their signature.
    pub(crate) fn fate(&self, result: &str) -> f64 {
        self.metric(&format!(r#"relink_quarantined_total{{result="{result}"}}"#))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn pending(&self) -> u64 {
        self.spool.stats().pending
    }

    /// Waits until the queue has everything.
    pub(crate) async fn forwarded(&self) {
        eventually("the spool is empty", || self.pending() == 0).await;
    }

    /// What has ever been stored: records are numbered from 1.
    pub(crate) fn ever_stored(&self) -> u64 {
        *self.spool.newest().borrow()
    }

    /// Stops in good order and gives the folder back.
    pub(crate) async fn stop(self) -> TempDir {
        self.shutdown.cancel();
        let end = tokio::time::timeout(Duration::from_secs(10), self.running).await;
        end.expect("an end within ten seconds").unwrap().unwrap();
        self.dir
    }
}
