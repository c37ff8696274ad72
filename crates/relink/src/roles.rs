//! One process with some of the roles: everything is built and every port opened first, then
//! all of it runs until it is told to stop, then it stops in order.

use crate::admin;
use crate::args::{Common, Duty};
use crate::failure::Failure;
use crate::health::{Health, Watched};
use crate::parts::{self, OpenQueue};
use crate::telemetry;
use prometheus_client::registry::Registry;
use relink_cobalt::Verifier;
use relink_config::{Config, ProcessRole};
use relink_core::account::AccountUpsert;
use relink_core::id::WorkerId;
use relink_core::sender::Sender;
use relink_core::wire::Topic;
use relink_http::server::bind;
use relink_receiver::{Parts, Receiver};
use relink_store::{Grouped, Store, StoreError};
use relink_web::Web;
use relink_worker::deliver::{Courier, LEASE};
use relink_worker::plan::{BATCH, Planner};
use relink_worker::schedule::Scheduler;
use relink_worker::upkeep::Upkeep;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// For sends in hand once a worker stops. Supervisors should wait a little longer.
const DRAIN: Duration = Duration::from_secs(90);

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roles {
    role: ProcessRole,
    receive: bool,
    duties: Vec<Duty>,
    web: bool,
}

const DUTIES: [Duty; 5] = [Duty::Plan, Duty::Schedule, Duty::Email, Duty::Sms, Duty::Upkeep];

impl Roles {
    pub(crate) fn all() -> Self {
        Self { role: ProcessRole::Run, receive: true, duties: DUTIES.to_vec(), web: true }
    }

    pub(crate) fn receive() -> Self {
        Self { role: ProcessRole::Receive, receive: true, duties: Vec::new(), web: false }
    }

    pub(crate) fn work(only: &[Duty]) -> Self {
        let duties = if only.is_empty() { DUTIES.to_vec() } else { only.to_vec() };
        Self { role: ProcessRole::Work, receive: false, duties, web: false }
    }

    pub(crate) fn web() -> Self {
        Self { role: ProcessRole::Web, receive: false, duties: Vec::new(), web: true }
    }

    fn has(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }

    fn needs_store(&self) -> bool {
        self.web || !self.duties.is_empty()
    }

    fn needs_queue(&self) -> bool {
        self.receive || !self.duties.is_empty()
    }
}

/// Runs the roles with the configured parts until SIGTERM or SIGINT.
pub(crate) async fn run_configured(common: &Common, roles: Roles) -> Result<(), Failure> {
    let config = parts::config(common)?;
    telemetry::start(&config.log)?;
    parts::serves(&config, roles.role)?;
    let stop = stop_on_signal()?;
    let process = Process::build(config, roles, &stop).await?;
    process.announce();
    process.run(stop).await
}

/// A process, built and with its ports open, not yet running.
pub(crate) struct Process {
    config: Arc<Config>,
    roles: Roles,
    registry: Registry,
    store: Option<Arc<dyn Store>>,
    queue: Option<OpenQueue>,
    receiver: Option<(Receiver, TcpListener)>,
    web: Option<(Web, TcpListener)>,
    admin: TcpListener,
}

/// Where a process can be reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) receiver: Option<SocketAddr>,
    pub(crate) web: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
}

impl Process {
    /// Builds everything and opens every port.
    pub(crate) async fn build(
        config: Config,
        roles: Roles,
        stop: &CancellationToken,
    ) -> Result<Self, Failure> {
        let mut registry = Registry::default();
        let admin = bind(config.admin.listen).await?;
        let queue = match roles.needs_queue() {
            true => Some(parts::queue(&config, &format!("relink {:?}", roles.role)).await?),
            false => None,
        };
        let receiver = match &queue {
            Some(queue) if roles.receive => {
                let listener = bind(config.receiver.listen).await?;
                let parts = Parts {
                    config: &config.receiver,
                    verifier: Verifier::new(&config.cobalt.webhook_secrets),
                    api_keys: &config.api_keys,
                    spool: parts::spool(&config)?,
                    queue: queue.shared(),
                };
                Some((Receiver::build(parts, &mut registry), listener))
            }
            Some(_) | None => None,
        };
        let store = match roles.needs_store() {
            true => Some(ready_store(&config, &roles, stop).await?),
            false => None,
        };
        let web = match &store {
            Some(store) if roles.web => {
                let listener = bind(config.web.listen).await?;
                let metrics = relink_web::Metrics::register(&mut registry);
                let (keys, name) = (config.api_keys.clone(), &config.instance.name);
                Some((Web::build(Arc::clone(store), keys, name, metrics), listener))
            }
            Some(_) | None => None,
        };
        Ok(Self { config: Arc::new(config), roles, registry, store, queue, receiver, web, admin })
    }

    /// The ports that were opened.
    pub(crate) fn addresses(&self) -> Addresses {
        let of = |listener: &TcpListener| listener.local_addr().ok();
        Addresses {
            receiver: self.receiver.as_ref().and_then(|(_, listener)| of(listener)),
            web: self.web.as_ref().and_then(|(_, listener)| of(listener)),
            admin: of(&self.admin),
        }
    }

    /// Registers an account before anything runs, for the demo.
    pub(crate) async fn put_account(&self, account: AccountUpsert) -> Result<(), Failure> {
        let store = self.store.as_ref();
        let store = store.ok_or_else(|| Failure::failed("this process has no store"))?;
        store.put_accounts(&[account]).await?;
        Ok(())
    }

    fn announce(&self) {
        let Addresses { receiver, web, admin } = self.addresses();
        let shown =
            |address: Option<SocketAddr>| address.map(|address| format!("http://{address}"));
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            receiver = shown(receiver),
            web = shown(web),
            admin = shown(admin),
            duties = ?self.roles.duties,
            "relink is running"
        );
    }

    /// Runs until `stop`, or until a part of it ends, which ends the rest in the same order.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let mut tasks = JoinSet::new();
        let health = Health::default();
        let Self { config, roles, mut registry, store, queue, receiver, web, admin } = self;
        let shared_queue = queue.as_ref().map(OpenQueue::shared);
        if let (Some(store), Some(queue)) = (&store, &queue) {
            let work = Work { config: &config, store, queue, stop: &stop };
            work.start(&roles, &mut registry, &mut tasks)?;
        }
        if let Some((receiver, listener)) = receiver {
            let stop = stop.clone();
            tasks.spawn(async move {
                let ended = receiver.run(listener, stop).await;
                ended.map_err(|error| Failure::failed(crate::failure::chain(&error)))
            });
        }
        if let Some((web, listener)) = web {
            let stop = stop.clone();
            tasks.spawn(async move {
                web.run(listener, stop).await;
                Ok(())
            });
        }
        // A receiver is ready without its queue: that is what the spool is for.
        let queue_matters = !roles.duties.is_empty();
        let watched = Watched { store, queue: shared_queue.filter(|_| queue_matters) };
        tokio::spawn(watched.watch(health.clone(), stop.clone()));
        // The admin listener outlives the rest, so that a drain can be watched.
        let admin_stop = CancellationToken::new();
        let serving =
            tokio::spawn(admin::run(admin, Arc::new(registry), health, admin_stop.clone()));
        let ended = until_stopped(&mut tasks, &stop).await;
        if let Some(queue) = queue {
            queue.close().await;
        }
        admin_stop.cancel();
        let _ = serving.await;
        tracing::info!("relink has stopped");
        ended
    }
}

/// Waits for every part; the first that ends unasked, or badly, stops the others.
async fn until_stopped(
    tasks: &mut JoinSet<Result<(), Failure>>,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let mut result = Ok(());
    if tasks.is_empty() {
        stop.cancelled().await;
    }
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|error| {
            Err(Failure::failed(format!("a part of the program ended in a panic: {error}")))
        });
        if !stop.is_cancelled() {
            stop.cancel();
            result = Err(Failure::failed("a part of the program ended unasked"));
        }
        if ended.is_err() {
            result = ended;
        }
    }
    result
}

/// What the duties of a worker share.
struct Work<'a> {
    config: &'a Arc<Config>,
    store: &'a Arc<dyn Store>,
    queue: &'a OpenQueue,
    stop: &'a CancellationToken,
}

impl Work<'_> {
    fn start(
        &self,
        roles: &Roles,
        registry: &mut Registry,
        tasks: &mut JoinSet<Result<(), Failure>>,
    ) -> Result<(), Failure> {
        if roles.duties.is_empty() {
            return Ok(());
        }
        let metrics = relink_worker::Metrics::register(registry);
        let planned = Arc::new(Notify::new());
        let (store, queue) = (self.store, self.queue.shared());
        if roles.has(Duty::Plan) {
            let planner = Planner {
                store: Arc::clone(store),
                metrics: metrics.clone(),
                planned: Arc::clone(&planned),
            };
            let consumer = queue.consumer(Topic::Signals, u16::try_from(BATCH).unwrap_or(u16::MAX));
            let stop = self.stop.clone();
            tasks.spawn(async move {
                planner.run(consumer, stop).await;
                Ok(())
            });
        }
        if roles.has(Duty::Schedule) {
            let scheduler = Scheduler {
                store: Arc::clone(store),
                metrics: metrics.clone(),
                planned: Arc::clone(&planned),
            };
            let (publisher, stop) = (queue.publisher(), self.stop.clone());
            tasks.spawn(async move {
                scheduler.run(publisher, stop).await;
                Ok(())
            });
        }
        let grouped = Grouped::new(store);
        if roles.has(Duty::Email) && self.config.email.enabled {
            let sender: Arc<dyn Sender> = Arc::new(parts::email_sender(self.config)?);
            let courier = self.courier(sender, &grouped, &metrics, self.config.email.concurrency);
            self.deliver(courier, Topic::SendEmail, tasks);
        }
        if roles.has(Duty::Sms) && self.config.sms.enabled {
            let sender: Arc<dyn Sender> = Arc::new(parts::sms_sender(self.config)?);
            let courier = self.courier(sender, &grouped, &metrics, self.config.sms.concurrency);
            self.deliver(courier, Topic::SendSms, tasks);
        }
        if roles.has(Duty::Upkeep) {
            let upkeep = Upkeep { store: Arc::clone(store), queue, metrics };
            let stop = self.stop.clone();
            tasks.spawn(async move {
                upkeep.run(stop).await;
                Ok(())
            });
        }
        Ok(())
    }

    fn courier(
        &self,
        sender: Arc<dyn Sender>,
        grouped: &Grouped,
        metrics: &relink_worker::Metrics,
        concurrency: usize,
    ) -> Courier {
        Courier {
            store: Arc::clone(self.store),
            grouped: grouped.clone(),
            sender,
            metrics: metrics.clone(),
            worker: worker_id(),
            public_url: self.config.instance.public_url.clone(),
            lease: LEASE,
            concurrency,
            drain: DRAIN,
        }
    }

    fn deliver(&self, courier: Courier, topic: Topic, tasks: &mut JoinSet<Result<(), Failure>>) {
        let prefetch = u16::try_from(courier.concurrency).unwrap_or(u16::MAX);
        let (consumer, stop) = (self.queue.shared().consumer(topic, prefetch), self.stop.clone());
        tasks.spawn(async move {
            Arc::new(courier).run(consumer, stop).await;
            Ok(())
        });
    }
}

/// Host, process id and a random part: no two workers are ever taken for one.
fn worker_id() -> WorkerId {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(char::is_ascii_graphic).take(40).collect();
    let random = uuid::Uuid::new_v4().simple().to_string();
    let id = format!("{host}/{}/{}", std::process::id(), random.get(..8).unwrap_or("worker"));
    #[expect(clippy::expect_used, reason = "invariant: graphic ASCII, at most 40 + 30 bytes")]
    WorkerId::parse(&id).expect("invariant: a worker id of ours is one")
}

/// The store with this release's schema. One machine's own is migrated here; a server that does
/// not answer yet is waited for, so that processes may start in any order.
async fn ready_store(
    config: &Config,
    roles: &Roles,
    stop: &CancellationToken,
) -> Result<Arc<dyn Store>, Failure> {
    let store = parts::store(config).await?;
    let own = matches!(config.store, relink_config::Store::Sqlite(_));
    if own && roles.role == ProcessRole::Run {
        store.migrate().await?;
    }
    let mut waited = false;
    loop {
        match store.check().await {
            Ok(()) => return Ok(store),
            Err(error @ StoreError::Unavailable(_)) => {
                if !waited {
                    tracing::warn!(%error, "waiting for the store");
                    waited = true;
                }
                tokio::select! {
                    () = stop.cancelled() => return Err(error.into()),
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A token that SIGTERM or SIGINT cancels; a second signal ends the process at once, which is
/// safe: everything that counts is on disk before it is answered.
fn stop_on_signal() -> Result<CancellationToken, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| {
        signal(kind).map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))
    };
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first {
                tracing::info!("stopping: taking no more, finishing what is in hand");
                token.cancel();
            } else {
                tracing::warn!("stopping at once");
                std::process::exit(1);
            }
        }
    });
    Ok(stop)
}

/// For the demo, which has no configuration file.
pub(crate) fn stop_token() -> Result<CancellationToken, Failure> {
    stop_on_signal()
}
