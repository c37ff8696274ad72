//! One round at work: from when on it looks, and what it could not look at.

use super::{MARK, Reconciler, RoundError, TURN, Wish};
use relink_core::Timestamp;
use relink_core::arrears::{Arrears, Subject, TRIES};
use relink_core::id::AccountRef;
use relink_core::reconcile::window_start;
use relink_store::{Mark, Progress};
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// One round at work.
pub(super) struct Round {
    /// From when on to look; the list is asked for whole days.
    from: Timestamp,
    /// The store's time when it began.
    pub(super) now: Timestamp,
    pub(super) dry_run: bool,
    /// Whether it looks back as far as the mark demands.
    is_whole: bool,
    /// What the last round could not look at.
    arrears: Arrears,
    /// What this one could not look at.
    failed: Mutex<Vec<Subject>>,
    /// When the turn was last taken or lengthened.
    kept_at: Mutex<Instant>,
}

impl Round {
    fn new(wish: &Wish, mark: &Mark, regular: Timestamp) -> Self {
        let from = wish.since.unwrap_or(regular);
        Self {
            from,
            now: mark.now,
            dry_run: wish.dry_run,
            // A shorter look back leaves a gap before it.
            is_whole: from <= regular,
            arrears: arrears_of(mark),
            failed: Mutex::default(),
            kept_at: Mutex::new(Instant::now()),
        }
    }

    /// From when on to look in the list of one account, or in the account-wide one.
    pub(super) fn looks_from(&self, whose: Option<&AccountRef>) -> Timestamp {
        if !self.is_whole {
            return self.from;
        }
        let owed = match whose {
            None => self.arrears.earliest_of_accounts(),
            Some(whose) => {
                self.arrears.of(&Subject::Account(whose.clone())).map(|arrear| arrear.since)
            }
        };
        owed.map_or(self.from, |since| since.min(self.from))
    }

    /// Notes what could not be looked at: named when it is new, and when it is set aside.
    pub(super) fn fails(&self, what: Subject, why: &dyn Display) {
        let tries = self.arrears.of(&what).map_or(0, |arrear| arrear.tries).saturating_add(1);
        if tries == TRIES {
            tracing::error!(%what, %why, tries, "left out of the comparison with Cobalt's list: the others wait for it no more");
        } else if tries == 1 {
            tracing::warn!(%what, %why, "could not be compared with Cobalt's list: the same days are looked at again");
        } else {
            tracing::debug!(%what, %why, tries, "still cannot be compared with Cobalt's list");
        }
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// What is in arrears after it, if it came to the end of the list.
    pub(super) fn arrears(&self) -> Arrears {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.arrears.after_round(failed, self.from)
    }

    /// How far it has come, if it came to the end of the list.
    pub(super) fn progress(&self) -> Option<Progress> {
        let arrears = self.arrears();
        let reached = (arrears.holding() == 0).then_some(self.now);
        self.is_whole.then(|| Progress { reached, arrears: arrears.write() })
    }

    /// Whether the turn should be lengthened: a third of it has passed. Said once.
    pub(super) fn turn_ages(&self) -> bool {
        let mut kept_at = self.kept_at.lock().unwrap_or_else(PoisonError::into_inner);
        let ages = kept_at.elapsed() >= TURN / 3;
        if ages {
            *kept_at = Instant::now();
        }
        ages
    }
}

/// What the last round noted.
pub(super) fn arrears_of(mark: &Mark) -> Arrears {
    let read = mark.arrears.as_deref().map(Arrears::read).transpose();
    read.map(Option::unwrap_or_default).unwrap_or_else(|error| {
        tracing::error!(%error, "what the last comparison could not look at cannot be read, and is forgotten");
        Arrears::default()
    })
}

impl Reconciler {
    /// Takes the turn, which a dry run needs not; `None` while another worker has it.
    pub(super) async fn begin(&self, wish: &Wish) -> Result<Option<Round>, RoundError> {
        let mark = if wish.dry_run {
            self.store.mark(MARK).await?
        } else {
            match self.store.take_turn(MARK, &self.worker, TURN).await? {
                Some(mark) => mark,
                None => return Ok(None),
            }
        };
        let regular = window_start(mark.reached, mark.now, self.pace.first_look);
        if mark.reached.is_none() && !wish.dry_run && !self.stays(regular).await? {
            return Ok(None);
        }
        Ok(Some(Round::new(wish, &mark, regular)))
    }

    /// Before the first round: until one is complete all look from here on, and not from later.
    /// Answers whether the turn is still ours.
    async fn stays(&self, first: Timestamp) -> Result<bool, RoundError> {
        let progress = Progress { reached: Some(first), arrears: Arrears::default().write() };
        self.store.end_turn(MARK, &self.worker, Some(&progress)).await?;
        Ok(self.store.take_turn(MARK, &self.worker, TURN).await?.is_some())
    }
}
