//! Requests by route and status, and steps of people who come back. The route is the pattern, never
//! the path: a path holds ids.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use relink_core::visit::{VisitStep, Visitor};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VisitLabels {
    step: &'static str,
    visitor: &'static str,
}

/// The counters of the web role. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<Labels, Counter>,
    visits: Family<VisitLabels, Counter>,
    to_relink: Histogram,
    streams: Gauge,
}

/// Registers how long people took: once in a process, whichever of its roles closes cases.
pub fn time_to_relink(registry: &mut Registry) -> Histogram {
    // A minute to about 45 days: a person may take that long.
    let to_relink = Histogram::new(exponential_buckets(60.0, 2.0, 17));
    registry.register(
        "relink_time_to_relink_seconds",
        "From opening a case to the word that its account works again",
        to_relink.clone(),
    );
    to_relink
}

impl Metrics {
    /// Registers everything.
    pub fn register(registry: &mut Registry) -> Self {
        let to_relink = time_to_relink(registry);
        let (requests, visits) = (Family::default(), Family::default());
        let metrics = Self { requests, visits, to_relink, streams: Gauge::default() };
        registry.register(
            "relink_web_requests",
            "Requests to the web listener",
            metrics.requests.clone(),
        );
        registry.register(
            "relink_feed_streams",
            "Open streams of the in-app feed",
            metrics.streams.clone(),
        );
        registry.register(
            "relink_visits",
            "Steps of people who came back, by who is behind them",
            metrics.visits.clone(),
        );
        metrics
    }

    pub(crate) fn streams(&self) -> Gauge {
        self.streams.clone()
    }

    /// How long people took, to be observed by whatever else of the process closes cases.
    pub fn to_relink(&self) -> Histogram {
        self.to_relink.clone()
    }

    pub(crate) fn relinked_after(&self, seconds: f64) {
        self.to_relink.observe(seconds);
    }

    pub(crate) fn visit(&self, step: VisitStep, visitor: Visitor) {
        let labels = VisitLabels { step: step.as_str(), visitor: visitor.as_str() };
        self.visits.get_or_create(&labels).inc();
    }

    pub(crate) fn request(&self, route: &str, status: u16) {
        self.requests.get_or_create(&Labels { route: route.to_owned(), status }).inc();
    }
}
