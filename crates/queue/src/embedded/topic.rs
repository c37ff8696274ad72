//! One topic: a segment log and the consumers that share it. A message leaves the log only once
//! its delivery is settled as done, or its dead letter is on the disk. Everything else, a
//! dropped delivery, a dropped consumer, a restart, brings it back.

use super::hand_out::{HandOut, Next, Pacing};
use super::letters::{EmbeddedDeadLetters, NewLetter};
use super::message;
use crate::log::{LogError, Record, SegmentLog};
use crate::{Consumer, DeadReason, Delivery, Settlement};
use bytes::Bytes;
use relink_core::trace::TraceContext;
use relink_core::wire::Topic;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Records read ahead at once.
const LOAD_RECORDS: usize = 256;
/// Bytes read ahead at once.
const LOAD_BYTES: usize = 1 << 20;
/// The wait after the disk could not be read.
const READ_RETRY: Duration = Duration::from_secs(1);

/// One topic of the embedded queue.
#[derive(Debug)]
pub(super) struct TopicQueue {
    topic: Topic,
    pub(super) log: SegmentLog,
    letters: EmbeddedDeadLetters,
    pub(super) pacing: Pacing,
    /// Records up to this number may have been given out before the last start.
    inherited_to: u64,
    hand_out: Mutex<HandOut>,
    /// One consumer at a time reads ahead.
    loading: tokio::sync::Mutex<()>,
    /// Wakes consumers when a message was given back.
    returned: Notify,
}

impl TopicQueue {
    pub(super) fn new(topic: Topic, log: SegmentLog, letters: EmbeddedDeadLetters) -> Self {
        let inherited_to = *log.newest().borrow();
        Self {
            topic,
            log,
            letters,
            pacing: Pacing::STANDARD,
            inherited_to,
            hand_out: Mutex::default(),
            loading: tokio::sync::Mutex::default(),
            returned: Notify::new(),
        }
    }

    fn hand_out(&self) -> MutexGuard<'_, HandOut> {
        // Each change in there is complete by itself.
        self.hand_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads ahead if the log has more than was read, up to number `newest`.
    async fn load(&self, newest: u64) -> Result<(), LogError> {
        let _one_at_a_time = self.loading.lock().await;
        if !self.hand_out().must_load(newest) {
            return Ok(());
        }
        let from = self.hand_out().loaded_to();
        let records = self.log.next_batch(from, LOAD_RECORDS, LOAD_BYTES).await?;
        let to = records.last().map_or(newest, |record| record.seq);
        self.hand_out().load(records, to);
        Ok(())
    }

    async fn read_again(&self, seq: u64) -> Result<(), LogError> {
        let found = self.log.read(seq).await?;
        self.hand_out().fill(seq, found);
        Ok(())
    }

    fn give_back(&self, seq: u64, wait: Duration) {
        self.hand_out().give_back(seq, Instant::now() + wait);
        self.returned.notify_waiters();
    }

    fn done(&self, seq: u64) {
        self.log.settle(seq);
        self.hand_out().done(seq);
    }

    /// Keeps the message among the dead letters, and only then lets it go from the log.
    async fn bury(&self, held: &Held, reason: DeadReason) {
        let letter = NewLetter {
            topic: self.topic,
            message_id: held.id.clone(),
            reason,
            trace: held.trace,
            body: held.body.clone(),
        };
        match self.letters.bury(letter).await {
            Ok(id) => {
                tracing::warn!(
                    topic = %self.topic, message.id = %held.id, letter.id = %id,
                    reason = reason.as_str(), "message buried",
                );
                self.done(held.seq);
            }
            Err(error) => {
                tracing::error!(
                    topic = %self.topic, message.id = %held.id, error = %error,
                    "a message cannot be buried and stays in the queue",
                );
                self.give_back(held.seq, self.pacing.wait_after(held.deliveries));
            }
        }
    }
}

/// A message that was given out.
struct Held {
    seq: u64,
    id: String,
    trace: Option<TraceContext>,
    body: Bytes,
    deliveries: u32,
}

/// A consumer of the embedded queue.
pub(super) struct EmbeddedConsumer {
    queue: Arc<TopicQueue>,
    newest: watch::Receiver<u64>,
    /// One permit for each unsettled message it may hold.
    room: Arc<Semaphore>,
    stopped: bool,
    /// Cancelled when the consumer is dropped: what it gave out goes back.
    gone: CancellationToken,
    _drop: DropGuard,
}

impl EmbeddedConsumer {
    pub(super) fn new(queue: Arc<TopicQueue>, prefetch: u16) -> Self {
        let gone = CancellationToken::new();
        Self {
            newest: queue.log.newest(),
            queue,
            room: Arc::new(Semaphore::new(usize::from(prefetch.max(1)))),
            stopped: false,
            _drop: gone.clone().drop_guard(),
            gone,
        }
    }

    fn give(&self, record: Record, deliveries: u32, room: OwnedSemaphorePermit) -> Delivery {
        let redelivered = deliveries > 1 || record.seq <= self.queue.inherited_to;
        // Bytes of another format are the handler's to refuse: it finds them malformed.
        let (trace, body) = message::decode(&record.bytes).unwrap_or((None, record.bytes));
        let held = Held { seq: record.seq, id: record.id, trace, body, deliveries };
        let (settle, settled) = oneshot::channel();
        let delivery =
            Delivery::new(held.id.clone(), held.body.clone(), trace, redelivered, settle);
        let (queue, gone) = (Arc::clone(&self.queue), self.gone.clone());
        tokio::spawn(async move {
            see_through(&queue, &held, settled, gone).await;
            drop(room);
        });
        delivery
    }
}

/// Waits for the end of one delivery and carries it out.
async fn see_through(
    queue: &TopicQueue,
    held: &Held,
    settled: oneshot::Receiver<Settlement>,
    gone: CancellationToken,
) {
    let retry = queue.pacing.wait_after(held.deliveries);
    let (end, wait) = tokio::select! {
        // What was settled before the consumer went counts.
        biased;
        end = settled => (end.unwrap_or(Settlement::Retry), retry),
        () = gone.cancelled() => (Settlement::Retry, Duration::ZERO),
    };
    match end {
        Settlement::Done => queue.done(held.seq),
        Settlement::Dead(reason) => queue.bury(held, reason).await,
        Settlement::Retry if held.deliveries >= queue.pacing.deliveries => {
            queue.bury(held, DeadReason::DeliveryLimit).await;
        }
        Settlement::Retry => queue.give_back(held.seq, wait),
    }
}

#[async_trait::async_trait]
impl Consumer for EmbeddedConsumer {
    async fn next(&mut self) -> Delivery {
        // The semaphore is never closed, and a stopped consumer has no more messages to come.
        let room = match Arc::clone(&self.room).acquire_owned().await {
            Ok(room) if !self.stopped => room,
            Ok(_) | Err(_) => std::future::pending().await,
        };
        loop {
            let queue = Arc::clone(&self.queue);
            let mut returned = pin!(queue.returned.notified());
            // From here on nothing that is given back or appended goes unnoticed.
            returned.as_mut().enable();
            let newest = *self.newest.borrow_and_update();

            let next = queue.hand_out().next(Instant::now());
            let (read, due) = match next {
                Next::Give(record, deliveries) => return self.give(record, deliveries, room),
                Next::Read(seq) => (queue.read_again(seq).await, None),
                Next::Nothing(due) => (queue.load(newest).await, Some(due)),
            };
            if let Err(error) = read {
                tracing::error!(topic = %queue.topic, error = %chain(&error), "cannot read the queue");
                tokio::time::sleep(READ_RETRY).await;
                continue;
            }
            let Some(due) = due.filter(|_| queue.hand_out().is_drained(newest)) else { continue };
            tokio::select! {
                () = &mut returned => {}
                () = changed(&mut self.newest) => {}
                () = until(due) => {}
            }
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        if self.stopped {
            return None;
        }
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let next = self.queue.hand_out().next(Instant::now());
        match next {
            Next::Give(record, deliveries) => Some(self.give(record, deliveries, room)),
            Next::Read(_) | Next::Nothing(_) => None,
        }
    }

    async fn stop(&mut self) {
        self.stopped = true;
    }
}

async fn changed(newest: &mut watch::Receiver<u64>) {
    if newest.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
