//! One process with some of the roles: everything is built and every port opened first, then
//! all of it runs until it is told to stop, then it stops in order.

use crate::admin;
use crate::failure::Failure;
use crate::health::{Health, Watched};
use crate::one_host::OneHost;
use crate::parts::{self, OpenQueue};
use crate::ports::{Ports, Purpose, Wanted};
use crate::roles::Roles;
use crate::work::Work;
use prometheus_client::registry::Registry;
use relink_cobalt::Verifier;
use relink_config::{Config, ProcessRole};
use relink_core::account::AccountUpsert;
use relink_http::listener::Listener;
use relink_queue::QueueError;
use relink_queue::log::SegmentLog;
use relink_receiver::{Parts, Receiver};
use relink_store::{Store, StoreError};
use relink_web::{Parts as WebParts, Web};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A process, built and with its ports open, not yet running.
pub(crate) struct Process {
    config: Arc<Config>,
    roles: Roles,
    registry: Registry,
    spool: Option<SegmentLog>,
    store: Option<Arc<dyn Store>>,
    queue: Option<OpenQueue>,
    receiver: Option<(Receiver, Listener)>,
    web: Option<(Web, Listener)>,
    admin: Listener,
    one_host: Option<OneHost>,
    /// Given once it is known that this process may work on what the queue has.
    go: CancellationToken,
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
        mut ports: Ports,
    ) -> Result<Self, Failure> {
        let mut registry = Registry::default();
        let address = config.admin.listen;
        let admin = ports.open(Wanted { purpose: Purpose::Admin, address, shared: false }).await?;
        let queue = match roles.needs_queue() {
            true => Some(parts::queue(&config, &format!("relink {:?}", roles.role)).await?),
            false => None,
        };
        if roles.role == ProcessRole::Work {
            fitting(queue.as_ref()).await?;
        }
        let one_host = OneHost::of(&config, &roles, queue.as_ref());
        let go = CancellationToken::new();
        let spool = match roles.receive {
            true => Some(parts::spool(&config)?),
            false => None,
        };
        let receiver = match (&queue, &spool) {
            (Some(queue), Some(spool)) => {
                let relink_config::Receiver { listen: address, reuse_port: shared, .. } =
                    config.receiver;
                let wanted = Wanted { purpose: Purpose::Receiver, address, shared };
                let listener = ports.open(wanted).await?;
                let parts = Parts {
                    config: &config.receiver,
                    verifier: Verifier::new(&config.cobalt.webhook_secrets),
                    api_keys: &config.api_keys,
                    spool: spool.clone(),
                    quarantine: parts::quarantine(&config)?,
                    queue: queue.shared(),
                };
                let receiver = Receiver::build(parts, &mut registry);
                Some((receiver.forwarding_after(go.clone()), listener))
            }
            (Some(_) | None, _) => None,
        };
        let store = match roles.needs_store() {
            true => Some(ready_store(&config, &roles).await?),
            false => None,
        };
        let web = match &store {
            Some(store) if roles.web => {
                let relink_config::Web { listen: address, reuse_port: shared, .. } = config.web;
                let wanted = Wanted { purpose: Purpose::Web, address, shared };
                let listener = ports.open(wanted).await?;
                let metrics = relink_web::Metrics::register(&mut registry);
                let cobalt = parts::cobalt_if_configured(&config)?;
                let parts = WebParts { store: Arc::clone(store), config: &config, cobalt, metrics };
                Some((Web::build(parts), listener))
            }
            Some(_) | None => None,
        };
        ports.finish()?;
        let config = Arc::new(config);
        Ok(Self {
            config,
            roles,
            registry,
            spool,
            store,
            queue,
            receiver,
            web,
            admin,
            one_host,
            go,
        })
    }

    /// The ports that were opened.
    pub(crate) fn addresses(&self) -> Addresses {
        let of = |listener: &Listener| listener.local_addr().ok();
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

    pub(crate) fn announce(&self) {
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
        let health = Health::until(stop.clone());
        let Self {
            config,
            roles,
            mut registry,
            spool,
            store,
            queue,
            receiver,
            web,
            admin,
            one_host,
            go,
        } = self;
        let shared_queue = queue.as_ref().map(OpenQueue::shared);
        if let (Some(store), Some(queue)) = (&store, &queue) {
            let work =
                Work { config: &config, store, queue, health: &health, go: &go, stop: &stop };
            work.start(&roles, &mut registry, &mut tasks)?;
        }
        match one_host {
            Some(one_host) => {
                tasks.spawn(one_host.keep(go, stop.clone()));
            }
            None => go.cancel(),
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
        let watched = Watched { spool, store, queue: shared_queue.filter(|_| queue_matters) };
        watched.announce(&health);
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
    let (mut unasked, mut result) = (false, Ok(()));
    if tasks.is_empty() {
        stop.cancelled().await;
    }
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|error| {
            Err(Failure::failed(format!("a part of the program ended in a panic: {error}")))
        });
        if !stop.is_cancelled() {
            stop.cancel();
            unasked = true;
        }
        // The first failure is the cause; those behind it may only follow from it.
        result = result.and(ended);
    }
    match result {
        Ok(()) if unasked => Err(Failure::failed("a part of the program ended unasked")),
        result => result,
    }
}

/// Refuses a broker whose queues are not as this release needs them. One that does not answer yet
/// is waited for later. Not asked for a receiver: it must take events whatever the broker is like.
async fn fitting(queue: Option<&OpenQueue>) -> Result<(), Failure> {
    let Some(queue) = queue else { return Ok(()) };
    match queue.shared().prepare().await {
        Err(error @ QueueError::Mismatch(_)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "the queue does not answer yet");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The store with this release's schema. One machine's own is migrated here. A server that does
/// not answer yet is not waited for: every part of the process waits for it by itself, while the
/// listeners answer, so that processes may start in any order.
async fn ready_store(config: &Config, roles: &Roles) -> Result<Arc<dyn Store>, Failure> {
    let store = parts::store(config).await?;
    let own = matches!(config.store, relink_config::Store::Sqlite(_));
    if own && roles.role == ProcessRole::Run {
        store.migrate().await?;
    }
    match store.check().await {
        Ok(()) => Ok(store),
        Err(error @ StoreError::Unavailable(_)) => {
            tracing::warn!(%error, "the store does not answer yet");
            Ok(store)
        }
        Err(error) => Err(error.into()),
    }
}
