//! What the receiver counts. Every label comes from a closed set, from the configuration, or
//! from an HTTP status: never from what a sender wrote.

use crate::request::Route;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use relink_core::{Timestamp, time};
use relink_queue::log::SegmentLog;
use relink_queue::{PublishFault, Published};
use std::borrow::Cow;

type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// The counters, shared by requests and forwarder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    requests: Family<Labels<2>, Counter>,
    signals: Family<Labels<2>, Counter>,
    verified: Family<Labels<3>, Counter>,
    unverified: Family<Labels<2>, Counter>,
    oddities: Family<Labels<1>, Counter>,
    stored_after_answer: Counter,
    forwarded: Family<Labels<1>, Counter>,
}

/// How a verified request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalResult {
    /// Stored.
    Accepted,
    /// Not an event of ours.
    Ignored,
    /// Not readable.
    Malformed,
    /// Ours and readable, but the spool did not take it.
    NotStored,
}

impl SignalResult {
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Malformed => "malformed",
            Self::NotStored => "not_stored",
        }
    }
}

impl Metrics {
    /// Counters and spool gauges, registered under their contract names.
    pub(crate) fn register(registry: &mut Registry, spool: SegmentLog) -> Self {
        let metrics = Self::default();
        let Self {
            requests,
            signals,
            verified,
            unverified,
            oddities,
            stored_after_answer,
            forwarded,
        } = metrics.clone();
        registry.register(
            "relink_requests",
            "Requests by route and status; 499: the client left before its answer",
            requests,
        );
        registry.register("relink_signals", "Verified requests by kind and result", signals);
        registry.register(
            "relink_requests_verified",
            "Verified requests by the secret or key that fitted and the form it fitted",
            verified,
        );
        registry.register(
            "relink_requests_unverified",
            "Requests that failed verification: a wrong secret loses events",
            unverified,
        );
        registry.register(
            "relink_signal_oddities",
            "What Cobalt's pages do not promise and events had all the same",
            oddities,
        );
        registry.register(
            "relink_stored_after_answer",
            "Events stored although their sender got no 2xx: too late, or gone",
            stored_after_answer,
        );
        registry.register(
            "relink_spool_forwarded",
            "Spooled signals handed to the queue, by result",
            forwarded,
        );
        registry.register_collector(Box::new(SpoolGauges(spool)));
        metrics
    }

    pub(crate) fn request(&self, route: Route, status: u16) {
        let labels = [("route", route.label().into()), ("status", status.to_string().into())];
        self.requests.get_or_create(&labels).inc();
    }

    pub(crate) fn signal(&self, kind: &'static str, result: SignalResult) {
        let labels = [("kind", kind.into()), ("result", result.label().into())];
        self.signals.get_or_create(&labels).inc();
    }

    pub(crate) fn verified(&self, route: Route, credential: &str, form: &'static str) {
        let labels = [
            ("route", route.label().into()),
            ("credential", credential.to_owned().into()),
            ("form", form.into()),
        ];
        self.verified.get_or_create(&labels).inc();
    }

    pub(crate) fn unverified(&self, route: Route, reason: &'static str) {
        let labels = [("route", route.label().into()), ("reason", reason.into())];
        self.unverified.get_or_create(&labels).inc();
    }

    pub(crate) fn oddity(&self, oddity: &'static str) {
        self.oddities.get_or_create(&[("oddity", oddity.into())]).inc();
    }

    pub(crate) fn stored_after_answer(&self) {
        self.stored_after_answer.inc();
    }

    pub(crate) fn forwarded(&self, outcome: &Published) {
        self.forwarded.get_or_create(&[("result", forward_label(outcome).into())]).inc();
    }
}

fn forward_label(outcome: &Published) -> &'static str {
    match outcome {
        Published::Stored => "stored",
        Published::NotStored(PublishFault::Unreachable) => "unreachable",
        Published::NotStored(PublishFault::Blocked(_)) => "blocked",
        Published::NotStored(PublishFault::Refused) => "refused",
        Published::NotStored(PublishFault::Returned) => "returned",
        Published::NotStored(PublishFault::Disk(_)) => "disk",
    }
}

/// Reads the spool when it is scraped, so that no gauge can go stale.
#[derive(Debug)]
struct SpoolGauges(SegmentLog);

impl Collector for SpoolGauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let stats = self.0.stats();
        let oldest = stats.oldest.map_or(0.0, |at| time::since(at, Timestamp::now()).as_secs_f64());
        let gauges = [
            (
                "relink_spool_pending",
                "Signals in the spool that the queue has not",
                stats.pending as f64,
            ),
            ("relink_spool_oldest_seconds", "Age of the oldest of them", oldest),
            ("relink_spool_bytes", "Bytes the spool takes on the disk", stats.used_bytes as f64),
            (
                "relink_spool_disk_failures",
                "Writes in a row that failed; above 0 the disk is failing now",
                stats.failures_in_a_row as f64,
            ),
            ("relink_spool_damaged", "Damaged records set aside", stats.quarantined as f64),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
