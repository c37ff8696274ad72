//! What clients were told: for every event its answers and how long they took. Written by the
//! load, read by the checker.

use relink_core::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One event, posted to one receiver or to several.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// When it was about to be posted.
    pub posted_at: Timestamp,
    /// The status of each post, or `None` where there was no answer.
    pub answers: Vec<Option<u16>>,
    /// How long each answer took; posts without an answer have none.
    pub latencies: Vec<Duration>,
}

impl Told {
    /// Whether any answer was a receipt.
    pub fn is_acknowledged(&self) -> bool {
        self.answers.iter().flatten().any(|status| (200..300).contains(status))
    }
}

/// Every event of a load, by its account's number.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Events in the order of their numbers.
    pub events: BTreeMap<usize, Told>,
    /// Accounts whose "works again" was heard, and the moment at which the app had the answer. It
    /// closed the open case, or made news that was still on its way old.
    pub repaired: BTreeMap<usize, Timestamp>,
    /// Accounts whose "works again" had no answer: whether it was heard nobody knows.
    pub unsure: BTreeSet<usize>,
}

impl Ledger {
    /// The numbers that got a 2xx.
    pub fn acknowledged(&self) -> BTreeSet<usize> {
        let told = self.events.iter().filter(|(_, told)| told.is_acknowledged());
        told.map(|(number, _)| *number).collect()
    }

    /// Whether silence may be the end that an account's event came to.
    pub fn may_be_silent(&self, number: usize) -> bool {
        self.repaired.contains_key(&number) || self.unsure.contains(&number)
    }

    /// How often each status was answered; `None` is no answer.
    pub fn statuses(&self) -> BTreeMap<Option<u16>, usize> {
        let mut counts = BTreeMap::new();
        for status in self.events.values().flat_map(|told| &told.answers) {
            *counts.entry(*status).or_default() += 1;
        }
        counts
    }

    /// The latency that this share of all answers did not exceed, 0.0 to 1.0.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut all: Vec<Duration> =
            self.events.values().flat_map(|told| &told.latencies).copied().collect();
        all.sort_unstable();
        let place = (share * all.len().saturating_sub(1) as f64).round() as usize;
        all.get(place).copied().unwrap_or_default()
    }
}
