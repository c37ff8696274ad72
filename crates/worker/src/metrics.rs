//! What workers count. Labels are closed words and step names; never a user, an address or an
//! account.

mod circuits;

use circuits::ProbeLabels;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use relink_core::Timestamp;
use relink_core::account::Channel;
use relink_core::app_event::AppEventKind;
use relink_core::attempt::{OutcomeKind, Reason};
use relink_core::id::{EndpointId, StepId};
use relink_core::notification::NotificationState;
use relink_core::plan::SignalResult;
use relink_core::signal::SignalKind;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignalLabels {
    kind: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NotificationLabels {
    channel: &'static str,
    step: String,
    state: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    channel: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    queue: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabels {
    channel: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RoundLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AppEventLabels {
    event: &'static str,
    endpoint: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: String,
}

/// How a try to tell the customer's app ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TellResult {
    /// The endpoint took it.
    Delivered,
    /// It is tried again.
    Retried,
    /// It was tried often enough.
    GivenUp,
    /// The endpoint wants no more.
    Gone,
}

/// How a comparison with Cobalt's list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoundResult {
    /// It saw everything.
    Complete,
    /// It ended early, or something has to be looked at again.
    Failed,
}

/// The counters and gauges of a worker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    signals: Family<SignalLabels, Counter>,
    notifications: Family<NotificationLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    to_accepted: Histogram,
    queue_depth: Family<QueueLabels, Gauge>,
    breaker_open: Family<ChannelLabels, Gauge>,
    channel_paused: Family<ChannelLabels, Gauge>,
    probes: Family<ProbeLabels, Counter>,
    probes_stopped: Gauge,
    probes_refused: Gauge,
    to_relink: Histogram,
    pub(crate) cases_open: Gauge,
    pub(crate) unknown_open: Gauge,
    sends_after_repair: Counter,
    pub(crate) dead_letters: Gauge,
    pub(crate) auto_replayed: Counter,
    pub(crate) republished: Counter,
    outcomes_kept: Gauge,
    pub(crate) found: Counter,
    rounds: Family<RoundLabels, Counter>,
    round_reached: Gauge,
    round_set_aside: Gauge,
    app_events: Family<AppEventLabels, Counter>,
    app_pending: Family<EndpointLabels, Gauge>,
    app_oldest: Family<EndpointLabels, Gauge>,
}

impl Metrics {
    /// Registers everything under the names of the contract, but for `to_relink`, which every role
    /// of a process observes and the process has registered once.
    pub fn register(registry: &mut Registry, to_relink: Histogram) -> Self {
        let metrics = Self {
            signals: Family::default(),
            notifications: Family::default(),
            attempts: Family::default(),
            // 50 ms to about 29 h: the settling time alone is minutes.
            to_accepted: Histogram::new(exponential_buckets(0.05, 2.0, 22)),
            queue_depth: Family::default(),
            breaker_open: Family::default(),
            channel_paused: Family::default(),
            probes: Family::default(),
            probes_stopped: Gauge::default(),
            probes_refused: Gauge::default(),
            to_relink,
            cases_open: Gauge::default(),
            unknown_open: Gauge::default(),
            sends_after_repair: Counter::default(),
            dead_letters: Gauge::default(),
            auto_replayed: Counter::default(),
            republished: Counter::default(),
            outcomes_kept: Gauge::default(),
            found: Counter::default(),
            rounds: Family::default(),
            round_reached: Gauge::default(),
            round_set_aside: Gauge::default(),
            app_events: Family::default(),
            app_pending: Family::default(),
            app_oldest: Family::default(),
        };
        let it = &metrics;
        it.register_reconcile(registry);
        it.register_outcomes(registry);
        it.register_queue(registry);
        it.register_app(registry);
        registry.register(
            "relink_signals_applied",
            "Signals the planner applied, by what became of them",
            it.signals.clone(),
        );
        registry.register(
            "relink_notifications",
            "Changes of state of notifications",
            it.notifications.clone(),
        );
        registry.register("relink_attempts", "Attempts, by how they ended", it.attempts.clone());
        registry.register(
            "relink_signal_to_accepted_seconds",
            "From opening a case to a provider's acceptance of its first message",
            it.to_accepted.clone(),
        );
        it.register_circuits(registry);
        registry.register("relink_cases_open", "Open cases", it.cases_open.clone());
        registry.register("relink_unknown_open", "Notifications in doubt", it.unknown_open.clone());
        registry.register(
            "relink_sends_after_repair",
            "Sends begun after the repair of their account; always 0",
            it.sends_after_repair.clone(),
        );
        metrics
    }

    fn register_queue(&self, registry: &mut Registry) {
        registry.register("relink_queue_depth", "Messages waiting", self.queue_depth.clone());
        registry.register(
            "relink_dead_letters",
            "Messages and notifications that need an operator",
            self.dead_letters.clone(),
        );
        registry.register(
            "relink_dead_letters_auto_replayed",
            "Messages dead of the delivery limit that this worker replayed by itself",
            self.auto_replayed.clone(),
        );
        registry.register(
            "relink_due_not_published",
            "Due notifications that could not be published and were given back",
            self.republished.clone(),
        );
    }

    fn register_app(&self, registry: &mut Registry) {
        registry.register(
            "relink_app_events",
            "Tries to tell the customer's app of an event, by how they ended",
            self.app_events.clone(),
        );
        registry.register(
            "relink_app_deliveries_pending",
            "Events that an endpoint of the customer's app has not taken yet",
            self.app_pending.clone(),
        );
        registry.register(
            "relink_app_delivery_oldest_seconds",
            "Age of the oldest event that an endpoint has not taken yet; 0 when it has all",
            self.app_oldest.clone(),
        );
    }

    pub(crate) fn app_event(&self, kind: AppEventKind, endpoint: &EndpointId, result: TellResult) {
        let result = match result {
            TellResult::Delivered => "delivered",
            TellResult::Retried => "retried",
            TellResult::GivenUp => "given_up",
            TellResult::Gone => "gone",
        };
        let endpoint = endpoint.to_string();
        let labels = AppEventLabels { event: kind.as_str(), endpoint, result };
        self.app_events.get_or_create(&labels).inc();
    }

    pub(crate) fn app_backlog(&self, endpoint: &EndpointId, pending: u64, oldest: Duration) {
        let labels = EndpointLabels { endpoint: endpoint.to_string() };
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.app_pending.get_or_create(&labels).set(gauge(pending));
        self.app_oldest.get_or_create(&labels).set(gauge(oldest.as_secs()));
    }

    fn register_outcomes(&self, registry: &mut Registry) {
        registry.register(
            "relink_outcomes_kept",
            "Outcomes on this machine's disk that the store refuses; each leaves an attempt in doubt",
            self.outcomes_kept.clone(),
        );
    }

    fn register_reconcile(&self, registry: &mut Registry) {
        registry.register(
            "relink_reconcile_found",
            "Events that no webhook brought, found in Cobalt's list",
            self.found.clone(),
        );
        registry.register(
            "relink_reconcile_rounds",
            "Comparisons with Cobalt's list, by how they ended",
            self.rounds.clone(),
        );
        registry.register(
            "relink_reconcile_complete_timestamp_seconds",
            "Up to when Cobalt's list is compared: when the last complete comparison began, before the first one where it is to begin, in seconds since 1970; 0 before any",
            self.round_reached.clone(),
        );
        registry.register(
            "relink_reconcile_set_aside",
            "Accounts and events that comparisons with Cobalt's list fail with and wait for no more",
            self.round_set_aside.clone(),
        );
    }

    pub(crate) fn round(&self, result: RoundResult) {
        let result = match result {
            RoundResult::Complete => "complete",
            RoundResult::Failed => "failed",
        };
        self.rounds.get_or_create(&RoundLabels { result }).inc();
    }

    /// What the store counts now, over the latest repairs: a counter keeps the most it has seen.
    pub(crate) fn sends_after_repair(&self, counted: u64) {
        self.sends_after_repair.inner().fetch_max(counted, Ordering::Relaxed);
    }

    /// Of whichever worker went round.
    pub(crate) fn round_reached(&self, reached: Option<Timestamp>) {
        self.round_reached.set(reached.map_or(0, |reached| reached.as_second()));
    }

    pub(crate) fn round_set_aside(&self, set_aside: usize) {
        self.round_set_aside.set(i64::try_from(set_aside).unwrap_or(i64::MAX));
    }

    pub(crate) fn signal(&self, kind: SignalKind, result: SignalResult) {
        self.signals
            .get_or_create(&SignalLabels { kind: kind.as_str(), result: result.as_str() })
            .inc();
    }

    pub(crate) fn notification(
        &self,
        channel: Channel,
        step: &StepId,
        state: NotificationState,
        reason: Reason,
    ) {
        let labels = NotificationLabels {
            channel: channel.as_str(),
            step: step.policy_step().to_owned(),
            state: state.as_str(),
            reason: reason.as_str(),
        };
        self.notifications.get_or_create(&labels).inc();
    }

    pub(crate) fn attempt(&self, channel: Channel, outcome: OutcomeKind, reason: Reason) {
        let labels = AttemptLabels {
            channel: channel.as_str(),
            outcome: outcome.as_str(),
            reason: reason.as_str(),
        };
        self.attempts.get_or_create(&labels).inc();
    }

    pub(crate) fn accepted_after(&self, seconds: f64) {
        self.to_accepted.observe(seconds);
    }

    /// What the store refuses, of this process and of those that live no more.
    pub(crate) fn outcomes_kept(&self, kept: usize) {
        self.outcomes_kept.set(i64::try_from(kept).unwrap_or(i64::MAX));
    }

    pub(crate) fn depth(&self, queue: &'static str, depth: u64) {
        let gauge = self.queue_depth.get_or_create(&QueueLabels { queue });
        gauge.set(i64::try_from(depth).unwrap_or(i64::MAX));
    }
}
