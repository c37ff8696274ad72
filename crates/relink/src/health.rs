//! What this process needs and whether it has it, looked at every few seconds. Liveness is a
//! different question: a process that waits for its database is alive and must not be
//! restarted for it.

use relink_queue::Queue;
use relink_queue::log::SegmentLog;
use relink_store::Store;
use relink_worker::circuit::Circuit;
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
    /// Shown, and no need: a restart or less traffic would not bring a provider back.
    circuits: Arc<Mutex<Vec<Arc<Circuit>>>>,
    stop: CancellationToken,
}

/// What a need says of itself before the first look.
const UNSEEN: &str = "not looked at yet";

impl Health {
    /// Of a process that is never ready once `stop` is given: others shall get what it could
    /// still take.
    pub(crate) fn until(stop: CancellationToken) -> Self {
        Self { stop, ..Self::default() }
    }

    /// Whether everything is there, and a line for each need and each channel.
    pub(crate) fn report(&self) -> (bool, String) {
        if self.stop.is_cancelled() {
            return (false, "stopping\n".to_owned());
        }
        let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = needs.values().all(Option::is_none);
        let line =
            |(what, fault): (&str, Option<&str>)| format!("{what}: {}\n", fault.unwrap_or("ok"));
        let mut lines: String =
            needs.iter().map(|(need, fault)| line((need, fault.as_deref()))).collect();
        for circuit in self.circuits.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            lines += &line((circuit.behind().as_str(), circuit.trouble().as_deref()));
        }
        (ready, lines)
    }

    /// From now on the report shows how this channel's provider stands.
    pub(crate) fn show(&self, circuit: Arc<Circuit>) {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner).push(circuit);
    }

    /// Names a need before the first look at it, so that nobody is called ready by default.
    pub(crate) fn expect(&self, need: &'static str) {
        let mut needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        needs.insert(need, Some(UNSEEN.to_owned()));
    }

    /// Notes what was seen; the first look and every change are logged once.
    pub(crate) fn note(&self, need: &'static str, fault: Option<String>) {
        let mut needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        let before = needs.insert(need, fault.clone());
        match (before.flatten(), fault) {
            (None, Some(fault)) => tracing::warn!(need, %fault, "not ready"),
            (Some(before), None) if before == UNSEEN => tracing::info!(need, "ready"),
            (Some(before), Some(fault)) if before == UNSEEN => {
                tracing::warn!(need, %fault, "not ready");
            }
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
    /// Names everything that will be looked at.
    pub(crate) fn announce(&self, health: &Health) {
        let needs = [
            ("spool", self.spool.is_some()),
            ("store", self.store.is_some()),
            ("queue", self.queue.is_some()),
        ];
        for (need, _) in needs.iter().filter(|(_, watched)| *watched) {
            health.expect(need);
        }
    }

    /// Looks until `stop`.
    pub(crate) async fn watch(self, health: Health, stop: CancellationToken) {
        let mut failures_before = 0;
        while !stop.is_cancelled() {
            if let Some(spool) = &self.spool {
                let failures = spool.stats().failures_in_a_row;
                health.note("spool", spool_fault(failures_before, failures));
                failures_before = failures;
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

/// A receiver whose disk fails answers 503; another one should get the traffic meanwhile. The
/// fault lapses when nothing more has failed since the last look: without traffic nothing could
/// ever show that the disk works again.
fn spool_fault(before: u64, now: u64) -> Option<String> {
    (now > before).then(|| format!("the last {now} writes failed; see the log for the cause"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ready_before_it_was_looked_at() {
        let health = Health::default();
        health.expect("store");
        assert_eq!(health.report(), (false, "store: not looked at yet\n".to_owned()));
        health.note("store", None);
        assert_eq!(health.report(), (true, "store: ok\n".to_owned()));
    }

    #[test]
    fn a_process_that_stops_is_not_ready() {
        let stop = CancellationToken::new();
        let health = Health::until(stop.clone());
        health.note("store", None);
        assert!(health.report().0);
        stop.cancel();
        assert_eq!(health.report(), (false, "stopping\n".to_owned()));
    }

    #[test]
    fn a_failing_spool_is_a_fault_until_nothing_more_fails() {
        assert!(spool_fault(0, 3).is_some());
        assert_eq!(spool_fault(3, 3), None);
        assert_eq!(spool_fault(3, 0), None);
    }
}
