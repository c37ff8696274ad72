//! Somebody said "done" and Cobalt did not prove it then: it is asked again, soon and then ever more
//! rarely, so that whoever waits on the page sees the end, and no reminder follows.

use crate::metrics::Metrics;
use crate::patience::jitter;
use crate::probe::{Health, Prober};
use futures_util::StreamExt as _;
use relink_core::id::CaseId;
use relink_core::probe::{ProbeWhen, shows_anything};
use relink_core::retry::reconnect_wait;
use relink_core::visit::Way;
use relink_store::{Door, Proof, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks: somebody may be waiting on the page.
const EVERY: Duration = Duration::from_secs(1);

/// Cases taken at once.
const BATCH: usize = 32;

/// Cases asked for at once.
const AT_ONCE: usize = 8;

/// The rechecking duty. Any number may run.
pub struct Rechecker {
    /// Where cases live.
    pub store: Arc<dyn Store>,
    /// What asks.
    pub prober: Arc<Prober>,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether it was said that an account cannot be asked for.
    pub unaskable: AtomicBool,
}

impl Rechecker {
    /// Looks until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut failures: u32 = 0;
        while !stop.is_cancelled() {
            let wait = match self.round().await {
                Ok(BATCH..) => Duration::ZERO,
                Ok(_) => {
                    failures = 0;
                    EVERY
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures == 1 {
                        tracing::warn!(%error, "cannot see whom to ask Cobalt about again");
                    }
                    EVERY + reconnect_wait(failures, jitter())
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One round; answers how many cases were taken. What is not proven comes again by itself, and
    /// so does what the store did not say or take.
    ///
    /// # Errors
    /// Nothing was taken.
    pub async fn round(&self) -> Result<usize, StoreError> {
        let cases = self.store.claim_rechecks(BATCH).await?;
        let taken = cases.len();
        futures_util::stream::iter(cases)
            .for_each_concurrent(AT_ONCE, |case| async move {
                if let Err(error) = self.look_at(case).await {
                    tracing::warn!(case.id = %case, %error, "a case could not be looked at again");
                }
            })
            .await;
        Ok(taken)
    }

    async fn look_at(&self, id: CaseId) -> Result<(), StoreError> {
        let Some(way_back) = self.store.way_back(&Door::Case(id)).await? else { return Ok(()) };
        if !way_back.case.is_open() {
            return Ok(());
        }
        if !shows_anything(&way_back.case) {
            self.prober.skipped(ProbeWhen::Recheck);
            return Ok(());
        }
        let account = way_back.account.as_ref();
        if account.is_none_or(|account| account.access_token.is_err()) {
            if !self.unaskable.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    case.id = %id,
                    "Cobalt cannot be asked about an account: it is not registered, or its access \
                     token does not open; said once"
                );
            }
            return Ok(());
        }
        if self.prober.ask(ProbeWhen::Recheck, account).await == Health::Healthy {
            let proof = Proof {
                case_id: id,
                signals: way_back.case.signals,
                way: Way::Recheck,
                notification_id: None,
                asked_at: way_back.now,
            };
            self.metrics.proven(&self.store.close_proven(&proof).await?);
        }
        Ok(())
    }
}
