//! The one way from the spool to the queue, used for every signal and not only after an
//! outage. It owns its publisher, settles only what the queue has stored, and leaves the rest
//! where it is: nothing is ever removed because it could not be published, and one record that
//! the queue refuses holds up no other.

use crate::confirms::Confirms;
use crate::metrics::Metrics;
use crate::trace;
use relink_core::retry::reconnect_wait;
use relink_core::wire::{SignalMessage, Topic};
use relink_queue::log::{LogError, Record, SegmentLog};
use relink_queue::{OutMessage, PublishFault, Published, Publisher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// One batch at most, in records and in bytes.
const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 1024 * 1024;

/// How long the last try may take once the receiver stops; the rest is forwarded after the
/// next start.
const LAST_TRY: Duration = Duration::from_secs(3);

/// How long what is being published may take when there is no last try.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// With nothing to try again, only a new record ends the pause.
const NOTHING_LEFT: Duration = Duration::MAX;

/// Moves records from the spool to [`Topic::Signals`].
pub(crate) struct Forwarder {
    spool: SegmentLog,
    publisher: Box<dyn Publisher>,
    confirms: Option<Arc<Confirms>>,
    metrics: Metrics,
    /// This round has tried every record up to here.
    tried: u64,
    /// This round left a record in the spool.
    left_behind: bool,
    /// When the next round begins, if records were left behind.
    again_at: Option<Instant>,
    /// Rounds in a row that left a record behind.
    rounds: u32,
    /// Batches in a row of which nothing was stored.
    failures: u32,
    /// Whether the log says that something is wrong, so that an outage is two lines, not one
    /// for each batch.
    in_trouble: bool,
}

/// What to do with what is left when the receiver stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// Try it once more: nobody knows when the next receiver starts on this folder.
    TryAgain,
    /// Leave it to the next receiver, which those who connect wait for already.
    Leave,
}

impl Parting {
    fn patience(self) -> Duration {
        match self {
            Self::TryAgain => LAST_TRY,
            Self::Leave => LAST_WORDS,
        }
    }
}

/// When the next step makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// At once: there may be more.
    More,
    /// After this time, or as soon as a new record is there.
    Pause(Duration),
    /// After this time: the queue takes nothing, and new records make no difference to that.
    BackOff(Duration),
}

/// What became of a batch.
#[derive(Debug, Default)]
struct Tally {
    stored: usize,
    /// The first fault, for the log.
    fault: Option<PublishFault>,
}

impl Forwarder {
    /// `confirms`, if anybody waits for that, is told of every record the queue has.
    pub(crate) fn new(
        spool: SegmentLog,
        publisher: Box<dyn Publisher>,
        confirms: Option<Arc<Confirms>>,
        metrics: Metrics,
    ) -> Self {
        Self {
            spool,
            publisher,
            confirms,
            metrics,
            tried: 0,
            left_behind: false,
            again_at: None,
            rounds: 0,
            failures: 0,
            in_trouble: false,
        }
    }

    /// Forwards from `go` until `stop`, then parts from what is left. Ends within [`LAST_TRY`] of
    /// `stop`; a publish given up half-way is done again after the next start. Without `go`
    /// everything stays where it is.
    pub(crate) async fn run(
        mut self,
        go: CancellationToken,
        stop: CancellationToken,
        parting: Parting,
    ) {
        let spool = self.spool.clone();
        let forwarding = async {
            tokio::select! {
                biased;
                () = go.cancelled() => self.forward(&stop, parting).await,
                () = stop.cancelled() => {}
            }
        };
        let out_of_time = async {
            stop.cancelled().await;
            sleep(parting.patience()).await;
        };
        tokio::select! {
            () = forwarding => {}
            () = out_of_time => {}
        }
        let pending = spool.stats().pending;
        if pending > 0 {
            tracing::info!(pending, "signals stay in the spool until the next start");
        }
    }

    async fn forward(&mut self, stop: &CancellationToken, parting: Parting) {
        let mut newest = self.spool.newest();
        while !stop.is_cancelled() {
            // Marked before the step: what arrives during it ends the pause that follows.
            newest.mark_unchanged();
            match self.step().await {
                Step::More => {}
                Step::Pause(wait) => tokio::select! {
                    () = stop.cancelled() => {}
                    () = arrival(&mut newest) => {}
                    () = sleep(wait) => {}
                },
                Step::BackOff(wait) => tokio::select! {
                    () = stop.cancelled() => {}
                    () = sleep(wait) => {}
                },
            }
        }
        match parting {
            Parting::Leave => {}
            Parting::TryAgain => {
                self.tried = 0;
                while self.step().await == Step::More {}
            }
        }
    }

    /// Publishes the next batch and settles what the queue has of it.
    async fn step(&mut self) -> Step {
        if self.again_at.is_some_and(|at| at <= Instant::now()) {
            self.again_at = None;
            self.tried = 0;
        }
        let batch = match self.spool.next_batch(self.tried, BATCH_RECORDS, BATCH_BYTES).await {
            Ok(batch) => batch,
            Err(error) => return self.spool_unreadable(&error),
        };
        let Some(last) = batch.last().map(|record| record.seq) else {
            return self.round_over();
        };
        let messages: Vec<OutMessage> = batch.iter().map(message).collect();
        let outcomes = self.publisher.publish(Topic::Signals, &messages).await;
        let tally = self.settle(&batch, outcomes);
        if tally.stored > 0 {
            self.failures = 0;
        }
        let Some(fault) = tally.fault else {
            self.tried = last;
            return Step::More;
        };
        self.report(&fault);
        if tally.stored == 0 && is_of_the_queue(&fault) {
            // Another batch would fare no better: this one again.
            return Step::BackOff(self.wait_after_failure());
        }
        self.left_behind = true;
        self.tried = last;
        if tally.stored == 0 { Step::Pause(self.wait_after_failure()) } else { Step::More }
    }

    fn settle(&self, batch: &[Record], outcomes: Vec<Published>) -> Tally {
        let mut tally = Tally::default();
        // A record without an answer is not known to be stored.
        let unanswered = std::iter::repeat(Published::NotStored(PublishFault::Unreachable));
        for (record, outcome) in batch.iter().zip(outcomes.into_iter().chain(unanswered)) {
            self.metrics.forwarded(&outcome);
            match outcome {
                Published::Stored => {
                    tally.stored += 1;
                    self.spool.settle(record.seq);
                    if let Some(confirms) = &self.confirms {
                        confirms.confirm(record.seq);
                    }
                }
                Published::NotStored(fault) => {
                    tally.fault.get_or_insert(fault);
                }
            }
        }
        tally
    }

    /// Every record has been tried: those left behind get another round, later each time.
    fn round_over(&mut self) -> Step {
        let now = Instant::now();
        if std::mem::take(&mut self.left_behind) {
            self.rounds = self.rounds.saturating_add(1);
            let wait = reconnect_wait(self.rounds, trace::jitter());
            self.again_at.get_or_insert(now + wait);
        }
        if let Some(at) = self.again_at {
            return Step::Pause(at.saturating_duration_since(now));
        }
        self.rounds = 0;
        if std::mem::take(&mut self.in_trouble) {
            tracing::info!("the queue has every signal again");
        }
        Step::Pause(NOTHING_LEFT)
    }

    fn wait_after_failure(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        reconnect_wait(self.failures, trace::jitter())
    }

    fn report(&mut self, fault: &PublishFault) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            let pending = self.spool.stats().pending;
            tracing::warn!(%fault, pending, "signals wait in the spool for the queue");
        }
    }

    fn spool_unreadable(&mut self, error: &LogError) -> Step {
        if !std::mem::replace(&mut self.in_trouble, true) {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, cause, "the spool cannot be read; nothing is forwarded");
        }
        Step::BackOff(self.wait_after_failure())
    }
}

/// The id names the event and the trace goes on; the record itself is only bytes here, and one
/// that cannot be read is the planner's to bury.
fn message(record: &Record) -> OutMessage {
    let trace = SignalMessage::decode(&record.bytes).ok().and_then(|message| message.signal.trace);
    OutMessage { id: record.id.clone(), body: record.bytes.clone(), trace }
}

/// Whether a fault would meet any message alike just now.
fn is_of_the_queue(fault: &PublishFault) -> bool {
    match fault {
        PublishFault::Unreachable | PublishFault::Blocked(_) | PublishFault::Disk(_) => true,
        PublishFault::Refused | PublishFault::Returned => false,
    }
}

/// Resolves when a record is appended; never, once the log is closed.
async fn arrival(newest: &mut watch::Receiver<u64>) {
    if newest.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
