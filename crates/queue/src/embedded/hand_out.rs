//! Which message goes out next, in memory and pure: what is ready, what waits for its next try,
//! how often each was given out. The log stays the truth; losing all of this costs repeats.

use crate::log::Record;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How often and how soon a message is given out again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacing {
    /// So many deliveries, then it is buried.
    pub(super) deliveries: u32,
    /// The wait before the second delivery; doubles with each further one.
    pub(super) first: Duration,
    /// The longest wait.
    pub(super) longest: Duration,
}

impl Pacing {
    /// Twenty deliveries, which take about a quarter of a minute at least.
    pub(super) const STANDARD: Self =
        Self { deliveries: 20, first: Duration::from_millis(50), longest: Duration::from_secs(1) };

    /// How long a message waits that was given out `deliveries` times.
    pub(super) fn wait_after(&self, deliveries: u32) -> Duration {
        let doublings = deliveries.saturating_sub(1).min(16);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// What to do for the next message.
#[derive(Debug)]
pub(super) enum Next {
    /// Give it out, for the how many-th time.
    Give(Record, u32),
    /// It was given back: read it from the log again, then [`HandOut::fill`].
    Read(u64),
    /// Nothing is ready; the next one may be at this time.
    Nothing(Option<Instant>),
}

/// The messages of one topic that are read from the log and not settled.
#[derive(Debug, Default)]
pub(super) struct HandOut {
    loaded_to: u64,
    ready: VecDeque<(u64, Option<Record>)>,
    delayed: BTreeSet<(Instant, u64)>,
    deliveries: HashMap<u64, u32>,
}

impl HandOut {
    /// The number up to which the log has been read.
    pub(super) fn loaded_to(&self) -> u64 {
        self.loaded_to
    }

    /// Whether the log must be read before there is anything to give out.
    pub(super) fn must_load(&self, newest: u64) -> bool {
        self.ready.is_empty() && self.loaded_to < newest
    }

    /// Whether nothing can come before something is appended, given back or due.
    pub(super) fn is_drained(&self, newest: u64) -> bool {
        self.ready.is_empty() && self.loaded_to >= newest
    }

    /// Takes records over that were read from the log, up to number `to`.
    pub(super) fn load(&mut self, records: Vec<Record>, to: u64) {
        self.ready.extend(records.into_iter().map(|record| (record.seq, Some(record))));
        self.loaded_to = self.loaded_to.max(to);
    }

    /// The next message. Waiting ones whose time has come go first.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        while let Some((at, seq)) = self.delayed.first().copied().filter(|(at, _)| *at <= now) {
            self.delayed.remove(&(at, seq));
            self.ready.push_front((seq, None));
        }
        match self.ready.pop_front() {
            Some((seq, Some(record))) => {
                let deliveries = self.deliveries.entry(seq).or_default();
                *deliveries += 1;
                Next::Give(record, *deliveries)
            }
            Some((seq, None)) => {
                self.ready.push_front((seq, None));
                Next::Read(seq)
            }
            None => Next::Nothing(self.delayed.first().map(|(at, _)| *at)),
        }
    }

    /// Brings the record that [`Next::Read`] asked for; `None` when the log has it no more.
    pub(super) fn fill(&mut self, seq: u64, found: Option<Record>) {
        // Another consumer may have been faster.
        let Some(place) = self.ready.iter().position(|waiting| *waiting == (seq, None)) else {
            return;
        };
        match found {
            Some(record) => {
                if let Some(waiting) = self.ready.get_mut(place) {
                    waiting.1 = Some(record);
                }
            }
            None => {
                self.ready.remove(place);
                self.deliveries.remove(&seq);
            }
        }
    }

    /// Takes back a message that was not settled.
    pub(super) fn give_back(&mut self, seq: u64, at: Instant) {
        self.delayed.insert((at, seq));
    }

    /// Forgets a message that is settled.
    pub(super) fn done(&mut self, seq: u64) {
        self.deliveries.remove(&seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use relink_core::time::from_millis;

    fn record(seq: u64) -> Record {
        Record { seq, id: seq.to_string(), bytes: Bytes::new(), appended_at: from_millis(0) }
    }

    #[tokio::test]
    async fn a_message_given_back_comes_again_when_its_time_has_come_and_not_before() {
        let start = Instant::now();
        let mut out = HandOut::default();
        out.load(vec![record(1), record(2)], 2);
        assert!(matches!(out.next(start), Next::Give(given, 1) if given.seq == 1));
        let later = start + Pacing::STANDARD.wait_after(1);
        out.give_back(1, later);
        assert!(matches!(out.next(start), Next::Give(given, 1) if given.seq == 2));
        assert!(matches!(out.next(start), Next::Nothing(Some(at)) if at == later));
        assert!(matches!(out.next(later), Next::Read(1)));
        out.fill(1, Some(record(1)));
        out.fill(1, Some(record(1)));
        assert!(matches!(out.next(later), Next::Give(given, 2) if given.seq == 1));
        assert!(matches!(out.next(later), Next::Nothing(None)), "filled twice, given once");

        out.give_back(1, later);
        assert!(matches!(out.next(later), Next::Read(1)));
        out.fill(1, None);
        assert!(matches!(out.next(later), Next::Nothing(None)));
        assert!(!out.deliveries.contains_key(&1) && out.loaded_to() == 2);
    }

    #[test]
    fn the_wait_doubles_up_to_a_second() {
        let waits: Vec<u128> = [1, 2, 3, 5, 6, 19, 20, u32::MAX]
            .into_iter()
            .map(|deliveries| Pacing::STANDARD.wait_after(deliveries).as_millis())
            .collect();
        assert_eq!(waits, [50, 100, 200, 800, 1000, 1000, 1000, 1000]);
    }
}
