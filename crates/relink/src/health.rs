//! What this process needs and whether it has it, looked at every few seconds. Liveness is a
//! different question: a process that waits for its database is alive and must not be
//! restarted for it.

use relink_queue::Queue;
use relink_queue::log::SegmentLog;
use relink_store::Store;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3);

/// What was last seen of each need: `None` is fine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    needs: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

impl Health {
    /// Whether everything is there, and a line for each need.
    pub(crate) fn report(&self) -> (bool, String) {
        let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = needs.values().all(Option::is_none);
        let lines: Vec<String> = needs
            .iter()
            .map(|(need, fault)| format!("{need}: {}\n", fault.as_deref().unwrap_or("ok")))
            .collect();
        (ready, lines.concat())
    }

    /// Notes what was seen; the first look and every change are logged once.
    pub(crate) fn note(&self, need: &'static str, fault: Option<String>) {
        let mut needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        let before = needs.insert(need, fault.clone());
        match (before.flatten(), fault) {
            (None, Some(fault)) => tracing::warn!(need, %fault, "not ready"),
            (Some(_), None) => tracing::info!(need, "ready again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}

/// What is looked at.
pub(crate) struct Watched {
    pub(crate) spool: Option<SegmentLog>,
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) queue: Option<Arc<dyn Queue>>,
}

impl Watched {
    /// Looks until `stop`.
    pub(crate) async fn watch(self, health: Health, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(spool) = &self.spool {
                health.note("spool", spool_fault(spool));
            }
            if let Some(store) = &self.store {
                health.note("store", store.check().await.err().map(|error| error.to_string()));
            }
            if let Some(queue) = &self.queue {
                health.note("queue", queue.prepare().await.err().map(|error| error.to_string()));
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

/// A receiver whose disk fails answers 503; another one should get the traffic meanwhile.
fn spool_fault(spool: &SegmentLog) -> Option<String> {
    match spool.stats().failures_in_a_row {
        0 => None,
        failures => Some(format!("the last {failures} writes failed; see the log for the cause")),
    }
}
