//! Requests by route and status. The route is the pattern, never the path: a path holds ids.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: String,
    status: u16,
}

/// The counters of the web role. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    requests: Family<Labels, Counter>,
}

impl Metrics {
    /// Registers everything.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "relink_web_requests",
            "Requests to the web listener",
            metrics.requests.clone(),
        );
        metrics
    }

    pub(crate) fn request(&self, route: &str, status: u16) {
        self.requests.get_or_create(&Labels { route: route.to_owned(), status }).inc();
    }
}
