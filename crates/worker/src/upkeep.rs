//! What has to be done now and then: expired cases end, events that the customer's app has had for
//! long are forgotten, gauges are refreshed. Safe to run in
//! every worker.

use crate::metrics::Metrics;
use relink_core::wire::Topic;
use relink_queue::Queue;
use relink_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(5);

/// Cases expired in one transaction at most.
const BATCH: usize = 500;

/// The upkeep duty.
pub struct Upkeep {
    /// Where cases live.
    pub store: Arc<dyn Store>,
    /// Whose depth is shown.
    pub queue: Arc<dyn Queue>,
    /// What is shown.
    pub metrics: Metrics,
}

impl Upkeep {
    /// Goes round until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "upkeep could not be done, next round in a few seconds");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// One round.
    ///
    /// # Errors
    /// The store did not answer; the next round does what this one could not.
    pub async fn round(&self) -> Result<(), StoreError> {
        loop {
            let expired = self.store.expire_cases(BATCH).await?;
            if expired > 0 {
                tracing::info!(expired, "cases expired");
            }
            if expired < BATCH {
                break;
            }
        }
        while self.store.forget_events(BATCH).await? == BATCH {}
        let stats = self.store.stats().await?;
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.cases_open.set(gauge(stats.cases_open));
        self.metrics.unknown_open.set(gauge(stats.unknown_open));
        self.metrics.sends_after_repair(stats.sends_after_repair);
        match self.queue.dead_letters().count().await {
            Ok(letters) => {
                self.metrics.dead_letters.set(gauge(stats.dead + letters));
            }
            // The last known number is nearer the truth than none.
            Err(error) => tracing::debug!(%error, "dead letters cannot be counted just now"),
        }
        for topic in Topic::ALL {
            if let Some(depth) = self.queue.depth(*topic).await {
                self.metrics.depth(topic.as_str(), depth);
            }
        }
        Ok(())
    }
}
