//! Telling the customer's app what happens to its cases. What is due is taken from the store under a
//! lease, told outside any transaction, and recorded: a process that dies in between leaves it due
//! again, under the same id. Each endpoint has a teller of its own, so that a slow one holds up no
//! other; any number of processes may have one for the same endpoint.

mod listeners;

pub use listeners::{Exchange, Post};

use crate::metrics::{Metrics, TellResult};
use crate::patience::{Until, jitter, patiently};
use futures_util::future::join_all;
use relink_core::app_event::{TELL_WITHIN, Told, wait_after};
use relink_core::fail_point::{FailPoint, reached};
use relink_core::id::EndpointId;
use relink_core::retry::reconnect_wait;
use relink_store::{DueEvent, Store, StoreError, TryEnd};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Calls to one webhook at once: enough to make up for a slow answer, few enough for a small app.
pub const CALLS_AT_ONCE: usize = 4;

/// The longest sleep between two looks: other processes write events too.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Between two looks at what waits.
const GAUGES_EVERY: Duration = Duration::from_secs(5);

/// How long an answer that came is kept trying to be recorded; after that the lease ends anyway.
const RECORD_WITHIN: Duration = Duration::from_secs(8);

/// What an endpoint said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it comes to.
    pub told: Told,
    /// Its HTTP status, if there was one.
    pub status: Option<u16>,
    /// For the log, when it was not taken.
    pub why: String,
}

/// Somebody who is told.
#[async_trait::async_trait]
pub trait Listener: Send + Sync {
    /// Tells of one event, once. Given up after [`TELL_WITHIN`]; it may have arrived then.
    async fn tell(&self, event: &DueEvent) -> Answer;
}

/// Tells one endpoint.
pub struct Teller {
    /// Where events wait.
    pub store: Arc<dyn Store>,
    /// What is counted.
    pub metrics: Metrics,
    /// Whose events.
    pub endpoint: EndpointId,
    /// Who is told.
    pub listener: Arc<dyn Listener>,
    /// Calls at once.
    pub at_once: usize,
}

impl Teller {
    /// Tells what is due until `stop`; what is in hand then is told to its end.
    pub async fn run(&self, stop: CancellationToken) {
        let mut failures: u32 = 0;
        let mut gauges_at = Instant::now();
        while !stop.is_cancelled() {
            if gauges_at <= Instant::now() {
                self.show_backlog().await;
                gauges_at = Instant::now() + GAUGES_EVERY;
            }
            let sleep = match self.step().await {
                Ok(0) => {
                    failures = 0;
                    self.until_next_due().await
                }
                Ok(_) => {
                    failures = 0;
                    continue;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures == 1 {
                        tracing::warn!(%error, endpoint = %self.endpoint, "cannot see what the app is to be told");
                    }
                    reconnect_wait(failures, jitter())
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Takes what is due, as much as may be told at once, and tells it. Answers how much.
    ///
    /// # Errors
    /// The store could not say what is due; nothing was taken.
    pub async fn step(&self) -> Result<usize, StoreError> {
        let due = self.store.claim_events(&self.endpoint, self.at_once).await?;
        join_all(due.iter().map(|event| self.tell(event))).await;
        Ok(due.len())
    }

    /// Tells of one event and records the answer.
    async fn tell(&self, event: &DueEvent) {
        let answer = timeout(TELL_WITHIN, self.listener.tell(event)).await.unwrap_or_else(|_| {
            let why = format!("no answer within {TELL_WITHIN:?}");
            Answer { told: Told::NotTaken { wish: None }, status: None, why }
        });
        reached(FailPoint::AfterTell);
        let Answer { told, status, why } = answer;
        let (endpoint, id, kind) = (&self.endpoint, event.event_id, event.kind);
        let (end, result) = match told {
            Told::Taken => (TryEnd::Delivered, TellResult::Delivered),
            Told::Gone => (TryEnd::GivenUp, TellResult::Gone),
            Told::NotTaken { wish } => {
                match wait_after(event.tries.saturating_add(1), wish, jitter()) {
                    Some(wait) => (TryEnd::Again(wait), TellResult::Retried),
                    None => (TryEnd::GivenUp, TellResult::GivenUp),
                }
            }
        };
        match end {
            TryEnd::Delivered => {
                tracing::debug!(%endpoint, event.id = %id, %kind, "the app was told")
            }
            TryEnd::Again(wait) => {
                tracing::warn!(%endpoint, event.id = %id, %kind, why, wait_s = wait.as_secs(), "the app did not take an event, it is told again");
            }
            TryEnd::GivenUp => {
                tracing::error!(%endpoint, event.id = %id, %kind, why, "an event for the app is given up: relink events list --failed");
            }
        }
        self.metrics.app_event(kind, endpoint, result);
        let until = Until::Elapsed(RECORD_WITHIN);
        let recorded = patiently("record what the app was told", &until, || {
            self.store.told(event, end, status)
        });
        if recorded.await.is_err() {
            tracing::warn!(%endpoint, event.id = %id, "not on record: the app may be told of this once more");
        }
        if told == Told::Gone {
            self.give_up_all(status.unwrap_or_default()).await;
        }
    }

    /// The endpoint said that it is gone. What is written from now on is tried again.
    async fn give_up_all(&self, status: u16) {
        match self.store.give_up_endpoint(&self.endpoint, status).await {
            Ok(given_up) => tracing::error!(
                endpoint = %self.endpoint,
                status,
                given_up,
                "the app's endpoint says that it is gone: everything that waited for it is given up; take it out of [[app.webhooks]], or mend it and relink events replay --all-failed"
            ),
            Err(error) => tracing::warn!(%error, endpoint = %self.endpoint, "cannot be given up"),
        }
    }

    async fn show_backlog(&self) {
        let Ok(backlog) = self.store.event_backlog().await else { return };
        let mine = backlog.into_iter().find(|backlog| backlog.endpoint == self.endpoint);
        let (pending, oldest) = mine.map_or((0, Duration::ZERO), |b| (b.pending, b.oldest));
        self.metrics.app_backlog(&self.endpoint, pending, oldest);
    }

    async fn until_next_due(&self) -> Duration {
        match self.store.next_event_in(&self.endpoint).await {
            Ok(Some(wait)) => wait.clamp(Duration::from_millis(1), LONGEST_SLEEP),
            Ok(None) | Err(_) => LONGEST_SLEEP,
        }
    }
}
