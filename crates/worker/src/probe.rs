//! Asking Cobalt whether accounts work: one asker for all channels and duties of a process, with one
//! breaker, so that an outage of Cobalt is met by few calls and a refused set-up is told once.
//!
//! An answer is `unknown` unless it is one of the two that prove something. Nothing here waits for
//! Cobalt to come back.

use crate::circuit::{Behind, Circuit};
use crate::metrics::Metrics;
use relink_cobalt::{CobaltClient, CobaltError, Probe, Settings};
use relink_core::masked::Secret;
use relink_core::policy::Rules;
use relink_core::probe::{Answered, ProbeResult, ProbeWhen, Refusals};
use relink_store::AccountAtHand;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Calls at once. Cobalt's limits are not published.
const AT_ONCE: usize = 16;

/// How long a call may take; a message waits for it.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a call is named in errors.
const CALL: &str = "whether an account works";

/// Cobalt, as far as it is asked about accounts. Each makes one call and repeats nothing.
#[async_trait::async_trait]
pub trait AccountHealth: Send + Sync {
    /// Whether the account's login works.
    async fn probe(&self, access_token: &Secret) -> Probe;

    /// What Cobalt keeps about the account; `None` when it keeps nothing.
    ///
    /// # Errors
    /// See [`CobaltError`].
    async fn settings(&self, access_token: &Secret) -> Result<Option<Settings>, CobaltError>;
}

#[async_trait::async_trait]
impl AccountHealth for CobaltClient {
    async fn probe(&self, access_token: &Secret) -> Probe {
        Self::probe(self, access_token).await
    }

    async fn settings(&self, access_token: &Secret) -> Result<Option<Settings>, CobaltError> {
        Self::settings(self, access_token).await
    }
}

/// What asks.
pub struct Prober {
    cobalt: Arc<dyn AccountHealth>,
    circuit: Arc<Circuit>,
    refusals: Mutex<Refusals>,
    slots: Semaphore,
    metrics: Metrics,
    /// What the gate will go by.
    pub(crate) rules: Arc<Rules>,
    /// How long a message may be put off in all.
    pub(crate) patience: Duration,
}

/// What is known of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Healthy,
    LoginRequired,
    Unknown,
}

impl Prober {
    /// Asks `cobalt` for all that this process sends and looks at again.
    pub fn new(
        cobalt: Arc<dyn AccountHealth>,
        rules: Arc<Rules>,
        patience: Duration,
        metrics: Metrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            cobalt,
            circuit: Circuit::before(Behind::Cobalt, metrics.clone()),
            refusals: Mutex::default(),
            slots: Semaphore::new(AT_ONCE),
            metrics,
            rules,
            patience,
        })
    }

    /// The breaker, to be shown.
    pub fn circuit(&self) -> Arc<Circuit> {
        Arc::clone(&self.circuit)
    }

    /// Whether an account works. `unknown` at once while Cobalt is left alone.
    pub(crate) async fn ask(&self, when: ProbeWhen, account: Option<&AccountAtHand>) -> Health {
        let (health, result) = match self.probe(account).await {
            Probe::Healthy => (Health::Healthy, ProbeResult::Healthy),
            Probe::LoginRequired => (Health::LoginRequired, ProbeResult::LoginRequired),
            Probe::Unknown { why } => {
                tracing::debug!(error = %why, %when, "whether an account works is not known");
                (Health::Unknown, ProbeResult::Unknown)
            }
        };
        self.metrics.probe(when, result);
        health
    }

    /// Counts a question that would have proven nothing.
    pub(crate) fn skipped(&self, when: ProbeWhen) {
        self.metrics.probe(when, ProbeResult::Skipped);
    }

    async fn probe(&self, account: Option<&AccountAtHand>) -> Probe {
        let unknown = |why| Probe::Unknown { why: CobaltError::Unreadable { call: CALL, why } };
        let token = match account.map(|account| &account.access_token) {
            Some(Ok(token)) => token,
            Some(Err(_)) => return unknown("the access token does not open"),
            None => return unknown("the account is not registered"),
        };
        let asked = self.call(async {
            let probe = self.cobalt.probe(token).await;
            let answered = match &probe {
                Probe::Healthy | Probe::LoginRequired => Answered::Understood,
                Probe::Unknown { why } => answered(why),
            };
            (probe, answered)
        });
        asked.await.unwrap_or_else(|| unknown("Cobalt does not answer just now"))
    }

    /// What Cobalt keeps about the account of this token; the outer `None` when nobody knows.
    pub(crate) async fn settings(&self, access_token: &Secret) -> Option<Option<Settings>> {
        let asked = self.call(async {
            match self.cobalt.settings(access_token).await {
                Ok(settings) => (Some(settings), Answered::Understood),
                Err(error) => {
                    tracing::debug!(%error, "the settings of an account are not known");
                    (None, answered(&error))
                }
            }
        });
        asked.await.flatten()
    }

    /// Makes one call, if Cobalt is not left alone just now; `None` without an answer in time.
    async fn call<T>(&self, call: impl Future<Output = (T, Answered)>) -> Option<T> {
        let _slot = self.slots.acquire().await.ok()?;
        let mut leave = self.circuit.room_now().await?;
        let (answer, answered) = match tokio::time::timeout(DEADLINE, call).await {
            Ok((answer, answered)) => (Some(answer), answered),
            Err(_) => (None, Answered::NoAnswer),
        };
        let evidence = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.weigh(answered.evidence())
        };
        leave.showed(evidence);
        answer
    }
}

fn answered(error: &CobaltError) -> Answered {
    match error {
        CobaltError::LoginRequired { .. } => Answered::Understood,
        CobaltError::Refused { status, .. } => Answered::Refused { status: *status },
        CobaltError::Call { .. } => Answered::NoAnswer,
        CobaltError::Unreadable { .. } => Answered::Unreadable,
        CobaltError::BadAccessToken => Answered::NotAsked,
    }
}
