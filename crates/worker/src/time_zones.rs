//! Where people are: Cobalt names a zone for each account, which counts for contacts that have none
//! of their own. Asked a few at a time, since nobody waits for it.

use crate::probe::Prober;
use relink_store::{Store, StoreError, ZoneWanted};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two rounds while there is somebody to ask about.
const EVERY: Duration = Duration::from_secs(5);

/// Between two looks when there was nobody: each reads all accounts.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// Accounts in one round. One after the other: Cobalt has better to do.
const BATCH: usize = 4;

/// The duty. Any number may run.
pub struct TimeZones {
    /// Where accounts live.
    pub store: Arc<dyn Store>,
    /// What asks.
    pub prober: Arc<Prober>,
}

impl TimeZones {
    /// Asks until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.round().await {
                Ok(0) => IDLE,
                Ok(_) => EVERY,
                Err(error) => {
                    tracing::debug!(%error, "zones of accounts cannot be asked for just now");
                    IDLE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One round; answers about how many accounts.
    ///
    /// # Errors
    /// The store did not answer; what was not noted comes again after an hour.
    pub async fn round(&self) -> Result<usize, StoreError> {
        let wanted = self.store.claim_zones_wanted(BATCH).await?;
        for ZoneWanted { account_ref, access_token } in &wanted {
            let Ok(access_token) = access_token else { continue };
            if let Some(settings) = self.prober.settings(access_token).await {
                let zone = settings.and_then(|settings| settings.time_zone);
                let zone = zone.filter(|zone| relink_core::time::is_zone(zone));
                self.store.note_zone(account_ref, zone.as_deref()).await?;
            }
        }
        Ok(wanted.len())
    }
}
