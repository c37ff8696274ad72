//! The duties of a worker, started as this process's roles ask.

use crate::args::Duty;
use crate::failure::Failure;
use crate::health::Health;
use crate::parts::{self, OpenQueue};
use crate::roles::Roles;
use crate::switched_off::SwitchedOff;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use relink_cobalt::CobaltClient;
use relink_config::{Config, Queue as QueueConfig};
use relink_core::account::Channel;
use relink_core::id::WorkerId;
use relink_core::reconcile::LEFT_TO_WEBHOOK;
use relink_core::sender::Sender;
use relink_core::wire::Topic;
use relink_store::{Grouped, Store};
use relink_worker::auto_replay::AutoReplayer;
use relink_worker::circuit::Circuit;
use relink_worker::deliver::Courier;
use relink_worker::depths::Depths;
use relink_worker::in_app::{AT_ONCE as IN_APP_AT_ONCE, InAppSender};
use relink_worker::outcomes::Outcomes;
use relink_worker::plan::{BATCH, Planner};
use relink_worker::probe::Prober;
use relink_worker::recheck::Rechecker;
use relink_worker::reconcile::{Pace, Reconciler, Tally};
use relink_worker::schedule::Scheduler;
use relink_worker::tell::Teller;
use relink_worker::time_zones::TimeZones;
use relink_worker::upkeep::Upkeep;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What the duties of a worker share.
pub(crate) struct Work<'a> {
    pub(crate) config: &'a Arc<Config>,
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) queue: &'a OpenQueue,
    pub(crate) health: &'a Health,
    /// How long people took, when a web role beside it has it registered.
    pub(crate) to_relink: Option<Histogram>,
    /// Nothing is taken from queue or store before this is given.
    pub(crate) go: &'a CancellationToken,
    pub(crate) stop: &'a CancellationToken,
}

type Tasks = JoinSet<Result<(), Failure>>;

/// What the workers of both channels share.
#[derive(Clone)]
struct Desk {
    grouped: Grouped,
    outcomes: Arc<Outcomes>,
    prober: Option<Arc<Prober>>,
    metrics: relink_worker::Metrics,
}

impl Work<'_> {
    pub(crate) fn start(
        &self,
        roles: &Roles,
        registry: &mut Registry,
        tasks: &mut Tasks,
    ) -> Result<(), Failure> {
        if roles.duties.is_empty() {
            return Ok(());
        }
        let to_relink = self.to_relink.clone();
        let to_relink = to_relink.unwrap_or_else(|| relink_web::time_to_relink(registry));
        let metrics = relink_worker::Metrics::register(registry, to_relink);
        let prober = self.prober(roles, &metrics)?;
        let planned = Arc::new(Notify::new());
        let (store, queue) = (self.store, self.queue.shared());
        if roles.has(Duty::Plan) {
            let planner = Planner {
                store: Arc::clone(store),
                metrics: metrics.clone(),
                planned: Arc::clone(&planned),
            };
            let (queue, stop) = (Arc::clone(&queue), self.stop.clone());
            self.once_free(tasks, async move {
                let prefetch = u16::try_from(BATCH).unwrap_or(u16::MAX);
                planner.run(queue.consumer(Topic::Signals, prefetch), stop).await;
            });
        }
        if roles.has(Duty::Schedule) {
            let scheduler = Scheduler {
                store: Arc::clone(store),
                depths: Depths::of(Arc::clone(&queue)),
                metrics: metrics.clone(),
                planned: Arc::clone(&planned),
            };
            let (publisher, stop) = (queue.publisher(), self.stop.clone());
            self.once_free(tasks, async move { scheduler.run(publisher, stop).await });
        }
        self.send(roles, &metrics, prober.clone(), tasks)?;
        if roles.has(Duty::Reconcile) {
            self.reconcile(&metrics, &planned, tasks)?;
        }
        if roles.has(Duty::Tell) {
            self.tell(&metrics, tasks)?;
        }
        if roles.has(Duty::Upkeep) {
            let upkeep = Upkeep { store: Arc::clone(store), queue, metrics: metrics.clone() };
            let stop = self.stop.clone();
            self.once_free(tasks, async move { upkeep.run(stop).await });
            if let Some(prober) = prober {
                self.look_again(&metrics, prober, tasks);
            }
            self.auto_replay(metrics, tasks);
        }
        Ok(())
    }

    /// What asks whether accounts work: one for all that this process does.
    fn prober(
        &self,
        roles: &Roles,
        metrics: &relink_worker::Metrics,
    ) -> Result<Option<Arc<Prober>>, Failure> {
        if ![Duty::Email, Duty::Sms, Duty::Upkeep].into_iter().any(|duty| roles.has(duty)) {
            return Ok(None);
        }
        let Some(cobalt) = parts::cobalt_if_configured(self.config)? else { return Ok(None) };
        let (rules, patience) = (Arc::new(self.config.rules()), self.config.cobalt.probe_patience);
        let prober = Prober::new(Arc::new(cobalt), rules, patience, metrics.clone());
        self.health.show(prober.circuit());
        Ok(Some(prober))
    }

    /// Accounts that are said to be done, and zones that nobody gave.
    fn look_again(&self, metrics: &relink_worker::Metrics, prober: Arc<Prober>, tasks: &mut Tasks) {
        let zones = TimeZones { store: Arc::clone(self.store), prober: Arc::clone(&prober) };
        let stop = self.stop.clone();
        self.once_free(tasks, async move { zones.run(stop).await });
        let (store, metrics) = (Arc::clone(self.store), metrics.clone());
        let rechecker = Rechecker { store, prober, metrics, unaskable: Default::default() };
        let stop = self.stop.clone();
        self.once_free(tasks, async move { rechecker.run(stop).await });
    }

    /// Of a broker alone: the embedded queue does not count how often its process died.
    fn auto_replay(&self, metrics: relink_worker::Metrics, tasks: &mut Tasks) {
        let (OpenQueue::Rabbit(queue), QueueConfig::RabbitMq(config)) =
            (self.queue, &self.config.queue)
        else {
            return;
        };
        if config.auto_replay_after.is_zero() {
            tracing::info!("messages dead of the delivery limit wait for an operator");
            return;
        }
        let replayer = AutoReplayer {
            letters: queue.auto_replay(),
            store: Arc::clone(self.store),
            metrics,
            worker: worker_id(),
            after: config.auto_replay_after,
            failures: Default::default(),
        };
        let stop = self.stop.clone();
        self.once_free(tasks, async move { replayer.run(stop).await });
    }

    /// Off by configuration, or for want of credentials.
    fn reconcile(
        &self,
        metrics: &relink_worker::Metrics,
        planned: &Arc<Notify>,
        tasks: &mut Tasks,
    ) -> Result<(), Failure> {
        if !self.config.cobalt.reconciles() {
            tracing::info!("Cobalt is not asked for events that no webhook brought");
            return Ok(());
        }
        let events = parts::cobalt_client(self.config)?;
        let reconciler = Reconciler {
            planned: Arc::clone(planned),
            ..reconciler(self.config, events, self.store, metrics)
        };
        let stop = self.stop.clone();
        self.once_free(tasks, async move { reconciler.run(stop).await });
        Ok(())
    }

    /// One teller for each endpoint of the customer's app: a slow one holds up no other.
    fn tell(&self, metrics: &relink_worker::Metrics, tasks: &mut Tasks) -> Result<(), Failure> {
        for (endpoint, listener, at_once) in parts::listeners(self.config, self.queue)? {
            let teller = Teller {
                store: Arc::clone(self.store),
                metrics: metrics.clone(),
                endpoint,
                listener,
                at_once,
            };
            let stop = self.stop.clone();
            self.once_free(tasks, async move { teller.run(stop).await });
        }
        Ok(())
    }

    /// The channels' workers, also for a channel that is switched off: the gate ends what was
    /// planned for it.
    fn send(
        &self,
        roles: &Roles,
        metrics: &relink_worker::Metrics,
        prober: Option<Arc<Prober>>,
        tasks: &mut Tasks,
    ) -> Result<(), Failure> {
        if ![Duty::Email, Duty::Sms, Duty::InApp].iter().any(|duty| roles.has(*duty)) {
            return Ok(());
        }
        let (grouped, outcomes) = (Grouped::new(self.store), parts::outcomes(self.config)?);
        let desk = Desk { grouped, outcomes, prober, metrics: metrics.clone() };
        let (replay, stop) = (desk.clone(), self.stop.clone());
        tasks.spawn(async move {
            replay.outcomes.run(replay.grouped, replay.metrics, stop).await;
            Ok(())
        });
        if roles.has(Duty::Email) {
            let sender: Arc<dyn Sender> = match self.config.email.enabled {
                true => Arc::new(parts::email_sender(self.config)?),
                false => Arc::new(SwitchedOff(Channel::Email)),
            };
            let courier = self.courier(sender, &desk, self.config.email.concurrency);
            self.deliver(courier, Topic::SendEmail, tasks);
        }
        if roles.has(Duty::Sms) {
            let sender: Arc<dyn Sender> = match self.config.sms.enabled {
                true => Arc::new(parts::sms_sender(self.config)?),
                false => Arc::new(SwitchedOff(Channel::Sms)),
            };
            let courier = self.courier(sender, &desk, self.config.sms.concurrency);
            self.deliver(courier, Topic::SendSms, tasks);
        }
        if roles.has(Duty::InApp) {
            let sender: Arc<dyn Sender> = match self.config.in_app.enabled {
                true => Arc::new(InAppSender),
                false => Arc::new(SwitchedOff(Channel::InApp)),
            };
            let courier = self.courier(sender, &desk, IN_APP_AT_ONCE);
            self.deliver(courier, Topic::SendInApp, tasks);
        }
        Ok(())
    }

    fn courier(&self, sender: Arc<dyn Sender>, desk: &Desk, concurrency: usize) -> Courier {
        Courier {
            store: Arc::clone(self.store),
            grouped: desk.grouped.clone(),
            outcomes: Some(Arc::clone(&desk.outcomes)),
            circuit: Circuit::new(sender.channel(), desk.metrics.clone()),
            prober: desk.prober.clone(),
            sender,
            metrics: desk.metrics.clone(),
            worker: worker_id(),
            public_url: self.config.instance.public_url.clone(),
            lease: self.config.work.lease,
            concurrency,
            drain: self.config.work.drain,
        }
    }

    fn deliver(&self, courier: Courier, topic: Topic, tasks: &mut Tasks) {
        self.health.show(Arc::clone(&courier.circuit));
        let prefetch = u16::try_from(courier.concurrency).unwrap_or(u16::MAX);
        let (queue, stop) = (self.queue.shared(), self.stop.clone());
        self.once_free(tasks, async move {
            Arc::new(courier).run(queue.consumer(topic, prefetch), stop).await;
        });
    }

    /// Runs `duty` as soon as this process may work.
    fn once_free(&self, tasks: &mut Tasks, duty: impl Future<Output = ()> + Send + 'static) {
        let (go, stop) = (self.go.clone(), self.stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                biased;
                () = go.cancelled() => duty.await,
                () = stop.cancelled() => {}
            }
            Ok(())
        });
    }
}

/// What compares our records with Cobalt's list.
pub(crate) fn reconciler(
    config: &Config,
    events: CobaltClient,
    store: &Arc<dyn Store>,
    metrics: &relink_worker::Metrics,
) -> Reconciler {
    let cobalt = &config.cobalt;
    let leave_to_webhook = match cobalt.webhook_secrets.is_empty() {
        true => Duration::ZERO,
        false => LEFT_TO_WEBHOOK,
    };
    Reconciler {
        events: Arc::new(events),
        store: Arc::clone(store),
        metrics: metrics.clone(),
        planned: Arc::default(),
        worker: worker_id(),
        pace: Pace {
            every: cobalt.reconcile_every,
            first_look: cobalt.reconcile_first,
            leave_to_webhook,
        },
        progress: watch::Sender::new(Tally::default()),
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
