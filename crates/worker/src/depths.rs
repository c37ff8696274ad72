//! How deep the channels' queues are, for back-pressure: the broker is asked once a second at
//! most, and what was published here since is added, so that a burst is bounded as if it had been
//! asked each time. What other schedulers publish within that second is not.

use relink_core::wire::Topic;
use relink_queue::Queue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Ids waiting in a channel's queue from which on no more are put there. What is due then comes
/// again two minutes later: an outage of days must not fill the broker with copies.
pub const DEEP: u64 = 20_000;

/// How long an answer counts.
const COUNTS_FOR: Duration = Duration::from_secs(1);

/// What is known of one queue.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    asked: u64,
    /// Published here since.
    added: u64,
}

/// The depths of the channels' queues.
pub struct Depths {
    queue: Arc<dyn Queue>,
    seen: Mutex<HashMap<Topic, Seen>>,
}

impl Depths {
    /// Nothing is known yet.
    pub fn of(queue: Arc<dyn Queue>) -> Self {
        Self { queue, seen: Mutex::default() }
    }

    /// Whether a queue gets no more. One that does not say is not.
    pub(crate) async fn is_deep(&self, topic: Topic) -> bool {
        if let Some(seen) = self.seen(topic)
            && seen.at.elapsed() < COUNTS_FOR
        {
            let is_deep = seen.asked >= DEEP;
            // Deep by what was added alone, it may have been emptied meanwhile.
            if is_deep || seen.asked.saturating_add(seen.added) < DEEP {
                return is_deep;
            }
        }
        let asked = self.queue.depth(topic).await.unwrap_or(0);
        self.lock().insert(topic, Seen { at: Instant::now(), asked, added: 0 });
        asked >= DEEP
    }

    /// These have been published.
    pub(crate) fn add(&self, topic: Topic, published: usize) {
        if let Some(seen) = self.lock().get_mut(&topic) {
            seen.added = seen.added.saturating_add(u64::try_from(published).unwrap_or(u64::MAX));
        }
    }

    fn seen(&self, topic: Topic) -> Option<Seen> {
        self.lock().get(&topic).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Topic, Seen>> {
        // Each change in there is complete by itself.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
