//! Reconciling: Cobalt posts an event twice at most and then never again, so what a receiver
//! missed is found by asking for its list of events and comparing that with what is on record.
//!
//! What is found goes into the store as the planner would have put it there, so a webhook that
//! comes late is a duplicate. One worker at a time goes round. The mark moves only past what was
//! seen: whatever broke off is looked at again, and so is what failed by itself, an account or an
//! event; after some rounds that is set aside, named, counted, and not forgotten
//! ([`relink_core::arrears`]).

mod accounts;
mod listing;
mod round;
mod tally;
mod weigh;

pub use tally::Tally;

use crate::metrics::{Metrics, RoundResult};
use crate::patience::jitter;
use relink_cobalt::{CobaltClient, CobaltError, EventFilter, EventsPage};
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use relink_core::reconcile::{due_in, wait_after_failures};
use relink_store::{Store, StoreError};
use round::{Round, arrears_of};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// The name of the mark and of the turn.
pub const MARK: &str = "reconcile";

/// How long a turn lasts unless lengthened, which pages do once a third of it has passed.
const TURN: Duration = Duration::from_secs(120);

/// How soon to look again when somebody else has the turn.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// How long giving the turn back may hold up a stop.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// Cobalt's list of events, page by page.
#[async_trait::async_trait]
pub trait EventList: Send + Sync {
    /// One page, oldest first; `page` counts from 1. Makes one call and repeats nothing.
    ///
    /// # Errors
    /// See [`CobaltError`].
    async fn page(&self, filter: &EventFilter<'_>, page: u32) -> Result<EventsPage, CobaltError>;
}

#[async_trait::async_trait]
impl EventList for CobaltClient {
    async fn page(&self, filter: &EventFilter<'_>, page: u32) -> Result<EventsPage, CobaltError> {
        self.webhook_events(filter, page).await
    }
}

/// The reconciling duty. Any number may run.
pub struct Reconciler {
    /// What is asked.
    pub events: Arc<dyn EventList>,
    /// What is on record.
    pub store: Arc<dyn Store>,
    /// What is counted.
    pub metrics: Metrics,
    /// Told after every commit, so that what is due at once need not wait for the next look.
    pub planned: Arc<Notify>,
    /// Who takes the turn.
    pub worker: WorkerId,
    /// How often, and how far.
    pub pace: Pace,
    /// Shows how far the round at work has got.
    pub progress: watch::Sender<Tally>,
}

/// How often to go round, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From the beginning of one round to that of the next.
    pub every: Duration,
    /// How far back the very first round looks.
    pub first_look: Duration,
    /// How long an event is left to its webhook; zero when no webhooks come in at all.
    pub leave_to_webhook: Duration,
}

/// A round that somebody asks for. The default is one like any other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// From when on to look, instead of from the last complete round.
    pub since: Option<Timestamp>,
    /// Only compare: change nothing, take no turn.
    pub dry_run: bool,
}

/// Why a round ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoundError {
    /// Cobalt could not be asked, or refused.
    #[error("Cobalt's list of events cannot be read")]
    Cobalt(#[from] CobaltError),
    /// What is on record could not be read or written.
    #[error("what is on record cannot be compared")]
    Store(#[from] StoreError),
    /// Cobalt's list goes on and on.
    #[error(
        "Cobalt's list of events has no end: {pages} pages, and none of them says that it is the last"
    )]
    Endless {
        /// Pages read.
        pages: u32,
    },
    /// Of a whole page of accounts Cobalt answered for none.
    #[error("Cobalt lists the events of none of {accounts} accounts")]
    NoAccountAnswers {
        /// Accounts asked about.
        accounts: u64,
        /// What it said to the last of them.
        source: Box<RoundError>,
    },
    /// Some accounts or events have to be looked at again.
    #[error(
        "{accounts} accounts could not be asked about and {events} events could not be applied: the same days are looked at again"
    )]
    Incomplete {
        /// Accounts that gave no answer.
        accounts: u64,
        /// Events that the store refused.
        events: u64,
    },
    /// The turn ran out and another worker took it.
    #[error("another worker has taken over this round")]
    Overtaken,
}

/// What one process remembers from round to round.
#[derive(Default)]
struct Life {
    /// The store's time when this process first looked.
    up_since: Option<Timestamp>,
    /// Rounds in a row that failed.
    failures: u32,
}

impl Reconciler {
    /// Goes round when it is due, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut life = Life::default();
        loop {
            let wait = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                wait = self.step(&mut life) => wait,
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
        }
        // A round cut short must not keep the next process waiting for the end of its turn.
        let give_back = self.store.end_turn(MARK, &self.worker, None);
        if let Ok(Err(error)) = tokio::time::timeout(GIVE_BACK, give_back).await {
            tracing::debug!(%error, "the turn could not be given back and runs out by itself");
        }
    }

    /// One look, and how long to wait for the next.
    async fn step(&self, life: &mut Life) -> Duration {
        match self.round_if_due(life).await {
            Ok(wait) => {
                life.failures = 0;
                wait
            }
            Err(error) => {
                life.failures = life.failures.saturating_add(1);
                let wait = wait_after_failures(life.failures, self.pace.every, jitter());
                self.metrics.round(RoundResult::Failed);
                let cause = std::error::Error::source(&error).map(tracing::field::display);
                tracing::warn!(%error, cause, wait_s = wait.as_secs(), "a comparison with Cobalt's list failed");
                wait
            }
        }
    }

    async fn round_if_due(&self, life: &mut Life) -> Result<Duration, RoundError> {
        let mark = self.store.mark(MARK).await?;
        self.metrics.round_reached(mark.reached);
        self.metrics.round_set_aside(arrears_of(&mark).set_aside());
        let up_since = *life.up_since.get_or_insert(mark.now);
        let wait = due_in(mark.reached, up_since, mark.now, self.pace.every);
        if !wait.is_zero() {
            return Ok(wait);
        }
        match self.round(&Wish::default()).await? {
            None => Ok(LOOK_AGAIN.min(self.pace.every)),
            Some(tally) if tally.is_complete() => Ok(self.pace.every),
            Some(tally) => Err(RoundError::Incomplete {
                accounts: tally.accounts_failed + tally.accounts_refused,
                events: tally.refused,
            }),
        }
    }

    /// One round, due or not. `None` while another worker is at it.
    ///
    /// # Errors
    /// It ended early: what it had found is applied, the mark stays where it was.
    pub async fn round(&self, wish: &Wish) -> Result<Option<Tally>, RoundError> {
        let Some(round) = self.begin(wish).await? else { return Ok(None) };
        let done = self.compare(&round).await;
        if !wish.dry_run {
            // What broke off says nothing of what it did not come to.
            let progress = done.as_ref().ok().and_then(|_| round.progress());
            self.store.end_turn(MARK, &self.worker, progress.as_ref()).await?;
            if let Some(reached) = progress.and_then(|progress| progress.reached) {
                self.metrics.round(RoundResult::Complete);
                self.metrics.round_reached(Some(reached));
            }
        }
        let mut tally = done?;
        let arrears = round.arrears();
        let count = |some: usize| u64::try_from(some).unwrap_or(u64::MAX);
        (tally.owed, tally.set_aside) = (count(arrears.holding()), count(arrears.set_aside()));
        self.tell(&tally, wish);
        Ok(Some(tally))
    }

    /// Account-wide if Cobalt lists that, else account by account.
    async fn compare(&self, round: &Round) -> Result<Tally, RoundError> {
        match self.list(round, None).await {
            Err(RoundError::Cobalt(error)) if listing::wants_an_account(&error) => {
                tracing::debug!(%error, "Cobalt lists no events account-wide, asking for each account");
                let tally = self.by_account(round).await?;
                // Without an account nothing was seen, and the refusal may have another reason.
                if tally.accounts == 0 { Err(error.into()) } else { Ok(tally) }
            }
            done => done,
        }
    }

    fn tell(&self, tally: &Tally, wish: &Wish) {
        let Tally { seen, ours, known, found, stale, waiting, .. } = *tally;
        if found == 0 || wish.dry_run {
            tracing::debug!(seen, ours, known, found, waiting, "compared with Cobalt's list");
        } else if self.pace.leave_to_webhook.is_zero() {
            tracing::info!(seen, ours, known, found, stale, "events taken from Cobalt's list");
        } else {
            tracing::warn!(
                seen,
                ours,
                known,
                found,
                stale,
                waiting,
                "no webhook brought these events: they were found in Cobalt's list"
            );
        }
    }
}
