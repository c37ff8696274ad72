//! Where a request that answers after the broker's confirm meets the forwarder. Either may come
//! first: a confirm nobody waits for yet is remembered for a while, in bounded memory. A missed
//! meeting costs 250 ms and nothing else: what is waited for is already on the disk.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Confirms kept for requests that have not asked yet; the oldest go first.
const REMEMBERED: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Confirms(Mutex<Meeting>);

#[derive(Debug, Default)]
struct Meeting {
    waiting: HashMap<u64, oneshot::Sender<()>>,
    confirmed: BTreeSet<u64>,
}

impl Confirms {
    /// The broker has the record `seq`.
    pub(crate) fn confirm(&self, seq: u64) {
        let mut meeting = self.lock();
        if let Some(waiter) = meeting.waiting.remove(&seq) {
            // A waiter that left has been answered already.
            let _ = waiter.send(());
            return;
        }
        meeting.confirmed.insert(seq);
        if meeting.confirmed.len() > REMEMBERED {
            meeting.confirmed.pop_first();
        }
    }

    /// Resolves when the broker has the record `seq`. Dropping it forgets the wait.
    pub(crate) async fn confirmed(&self, seq: u64) {
        let confirmed = {
            let mut meeting = self.lock();
            if meeting.confirmed.remove(&seq) {
                return;
            }
            let (waiter, confirmed) = oneshot::channel();
            meeting.waiting.insert(seq, waiter);
            confirmed
        };
        let _forget = Forget { confirms: self, seq };
        // The sender is only ever dropped together with this wait.
        let _ = confirmed.await;
    }

    fn lock(&self) -> MutexGuard<'_, Meeting> {
        // Every change above is whole before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Forget<'a> {
    confirms: &'a Confirms,
    seq: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.confirms.lock().waiting.remove(&self.seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn whoever_comes_first_waits_for_the_other() {
        let confirms = Confirms::default();
        let meet = async {
            confirms.confirm(1);
            confirms.confirmed(1).await;
            tokio::join!(confirms.confirmed(2), async { confirms.confirm(2) });
        };
        tokio::time::timeout(Duration::from_secs(10), meet).await.unwrap();
        assert!(confirms.lock().confirmed.is_empty());
        assert!(confirms.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_wait_given_up_leaves_nothing_behind_and_the_memory_is_bounded() {
        let confirms = Confirms::default();
        let wait = tokio::time::timeout(Duration::from_millis(20), confirms.confirmed(7));
        assert!(wait.await.is_err());
        assert!(confirms.lock().waiting.is_empty());
        for seq in 0..3 * REMEMBERED as u64 {
            confirms.confirm(seq);
        }
        assert_eq!(confirms.lock().confirmed.len(), REMEMBERED);
        assert!(confirms.lock().confirmed.contains(&(3 * REMEMBERED as u64 - 1)));
    }
}
