//! The outcome log: outcomes that the store does not take, on this machine's disk until it does.
//!
//! A provider that has taken a message and a store that cannot be told make a doubt, and a doubt
//! makes a second message. What is kept here is replayed as soon as the store answers, at the
//! next start too, and this process begins no attempt before that. What remains: a disk that is
//! lost, and another worker that takes over after the lease, before the replay; its send cannot be
//! taken back, and the outcome is kept on the attempt it belongs to.
//!
//! An outcome that the store refuses, or that this release cannot read, stays on the disk and is
//! tried again now and then, for whatever is wrong may be mended; nobody waits for it, so its
//! attempt becomes a doubt meanwhile. Only an outcome whose attempt the store has never had goes.
//!
//! The folder holds a place for each process that shares it, `0`, `1`, …: a sealed segment log,
//! locked while its process lives. What a process left behind is replayed by one that lives.

use crate::metrics::Metrics;
use crate::patience::{is_worth_waiting_for, jitter};
use crate::record::finish_request;
use bytes::Bytes;
use relink_core::seal::SealKey;
use relink_core::wire::OutcomeMessage;
use relink_queue::log::{LogError, LogOptions, Record, SegmentLog};
use relink_store::{Finished, Grouped, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Processes that may share one folder.
const PLACES: u32 = 64;

/// Some hundred bytes each, and there are few: nothing is begun while the store is away.
const MAX_BYTES: u64 = 64 << 20;

/// Read and replayed together.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 1 << 20;

/// Between two tries at a store that does not answer. Shorter than other waits: once it is back,
/// the outcome should be there before somebody else comes for the attempt.
const AGAIN: Duration = Duration::from_millis(500);

/// Between two looks for what other processes left behind.
const ADOPT_EVERY: Duration = Duration::from_secs(60);

/// The outcome log of this process.
#[derive(Debug)]
pub struct Outcomes {
    folder: PathBuf,
    key: SealKey,
    own: SegmentLog,
    /// Outcomes kept and not yet on record.
    pending: watch::Sender<usize>,
}

impl Outcomes {
    /// Takes a place in `folder`, which is made when missing.
    ///
    /// # Errors
    /// The folder cannot be used, or was sealed with another key.
    pub fn open(folder: &Path, key: SealKey) -> Result<Arc<Self>, LogError> {
        let mut number = 0;
        let own = loop {
            match open(&folder.join(number.to_string()), key.clone()) {
                Err(LogError::InUse { .. }) if number + 1 < PLACES => number += 1,
                opened => break opened?,
            }
        };
        // One more, until the first look has shown that no other place holds any.
        let inherited = usize::try_from(own.stats().pending).unwrap_or(usize::MAX);
        let pending = watch::Sender::new(inherited.saturating_add(1));
        Ok(Arc::new(Self { folder: folder.to_owned(), key, own, pending }))
    }

    /// Keeps an outcome that the store did not take; whether it is on stable storage.
    pub(crate) async fn keep(&self, message: &OutcomeMessage, why: &StoreError) -> bool {
        self.pending.send_modify(|pending| *pending += 1);
        let id = message.notification_id.to_string();
        match self.own.append(&id, Bytes::from(message.encode())).await {
            Ok(_) => {
                tracing::warn!(%why, "the outcome is kept on disk until the store takes it");
                true
            }
            Err(error) => {
                self.done();
                tracing::error!(%error, "the outcome cannot be kept on disk, only in memory");
                false
            }
        }
    }

    /// Waits until nothing is kept.
    pub(crate) async fn clear(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut pending = self.pending.subscribe();
        tokio::select! {
            biased;
            cleared = pending.wait_for(|pending| *pending == 0) => {
                cleared.map(drop).map_err(|_| waiting())
            }
            () = stop.cancelled() => Err(waiting()),
        }
    }

    /// Replays until `stop`: first what earlier processes left, then what this one keeps.
    pub async fn run(&self, grouped: Grouped, metrics: Metrics, stop: CancellationToken) {
        let replay = Replay { grouped, metrics, pending: &self.pending, stop: &stop };
        let mut left_over = self.adopt(&replay).await;
        let mut newest = self.own.newest();
        let mut read_to = 0;
        let mut kept = Vec::new();
        self.done();
        while !stop.is_cancelled() {
            newest.mark_unchanged();
            let came = replay.all(&self.own, read_to).await;
            read_to = came.read_to;
            kept.extend(came.kept);
            replay.metrics.outcomes_kept(left_over + kept.len());
            tokio::select! {
                () = stop.cancelled() => {}
                _ = newest.changed() => {}
                () = tokio::time::sleep(ADOPT_EVERY) => {
                    left_over = self.adopt(&replay).await;
                    kept = replay.again(&self.own, kept).await;
                }
            }
        }
    }

    /// Replays what processes left behind that live no more; answers how much of it stays.
    async fn adopt(&self, replay: &Replay<'_>) -> usize {
        let mut kept = 0;
        for number in 0..PLACES {
            let place = self.folder.join(number.to_string());
            if !place.is_dir() || replay.stop.is_cancelled() {
                continue;
            }
            match open(&place, self.key.clone()) {
                Ok(left) => {
                    let count = usize::try_from(left.stats().pending).unwrap_or(usize::MAX);
                    if count > 0 {
                        tracing::info!(count, "outcomes of an earlier process are replayed");
                        self.pending
                            .send_modify(|pending| *pending = pending.saturating_add(count));
                        let came = replay.all(&left, 0).await;
                        // Told to stop, it leaves the rest to the next process.
                        if !replay.stop.is_cancelled() {
                            self.give_up(count.saturating_sub(came.handled));
                        }
                        kept += came.kept.len();
                    }
                    left.close().await;
                }
                Err(LogError::InUse { .. }) => {}
                Err(error) => tracing::error!(%error, "outcomes left behind cannot be read"),
            }
        }
        kept
    }

    /// Damaged records are set aside and never come: nobody may wait for them.
    fn give_up(&self, lost: usize) {
        if lost > 0 {
            tracing::error!(lost, "outcomes left behind are damaged; their attempts are in doubt");
            self.pending.send_modify(|pending| *pending = pending.saturating_sub(lost));
        }
    }

    fn done(&self) {
        self.pending.send_modify(|pending| *pending = pending.saturating_sub(1));
    }
}

fn open(place: &Path, key: SealKey) -> Result<SegmentLog, LogError> {
    // Needed most when something is wrong already: no share of the disk is left free for others.
    let options =
        LogOptions { max_bytes: MAX_BYTES, min_free: 0.0, ..LogOptions::new(place, "outcomes") };
    SegmentLog::open(options, key)
}

fn waiting() -> StoreError {
    StoreError::Unavailable("outcomes on this machine's disk are not on record yet".to_owned())
}

/// Brings outcomes from a log into the store.
struct Replay<'a> {
    grouped: Grouped,
    metrics: Metrics,
    pending: &'a watch::Sender<usize>,
    stop: &'a CancellationToken,
}

impl Replay<'_> {
    /// Everything above `read_to`; answers how far it has come.
    async fn all(&self, log: &SegmentLog, mut read_to: u64) -> Came {
        let (mut handled, mut kept) = (0, Vec::new());
        loop {
            let batch = match log.next_batch(read_to, BATCH, BATCH_BYTES).await {
                Ok(batch) if batch.is_empty() => return Came { read_to, handled, kept },
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(%error, "outcomes kept on disk cannot be read just now");
                    if self.pause().await {
                        return Came { read_to, handled, kept };
                    }
                    continue;
                }
            };
            for record in batch {
                read_to = record.seq;
                match self.one(record).await {
                    Ended::Settled => log.settle(read_to),
                    Ended::Kept => kept.push(read_to),
                    Ended::Stopped => return Came { read_to, handled, kept },
                }
                handled += 1;
                self.pending.send_modify(|pending| *pending = pending.saturating_sub(1));
            }
        }
    }

    /// Tries those again that stayed on the disk; answers which still do.
    async fn again(&self, log: &SegmentLog, kept: Vec<u64>) -> Vec<u64> {
        let mut still = Vec::new();
        for number in kept {
            match log.read(number).await {
                Ok(Some(record)) => match self.one(record).await {
                    Ended::Settled => log.settle(number),
                    Ended::Kept | Ended::Stopped => still.push(number),
                },
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "an outcome kept on disk cannot be read just now");
                    still.push(number);
                }
            }
        }
        still
    }

    /// One outcome, for as long as the store does not answer.
    async fn one(&self, record: Record) -> Ended {
        let message = match OutcomeMessage::decode(&record.bytes) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(message.key = record.id, %error, "an outcome kept on disk cannot be read, and stays there");
                return Ended::Kept;
            }
        };
        let (key, outcome) = (message.notification_id, message.outcome);
        loop {
            match self.grouped.finish_one(finish_request(&message)).await {
                Ok(finished) => {
                    let late = finished == Finished::Late;
                    tracing::info!(message.key = %key, %outcome, late, "an outcome kept on disk is on record");
                    self.metrics.told(&message, &finished);
                    if let Finished::Recorded { state, reason, .. } = finished {
                        self.metrics.notification(message.channel, &message.step, state, reason);
                    }
                    return Ended::Settled;
                }
                Err(error) if is_worth_waiting_for(&error) => {
                    if self.pause().await {
                        return Ended::Stopped;
                    }
                }
                Err(error @ StoreError::NeverBegun(_)) => {
                    tracing::error!(message.key = %key, %outcome, %error, "an outcome kept on disk belongs to nothing here and is dropped");
                    return Ended::Settled;
                }
                Err(error) => {
                    tracing::error!(message.key = %key, %outcome, %error, "an outcome is refused: it stays on disk, and its attempt is in doubt");
                    return Ended::Kept;
                }
            }
        }
    }

    /// Waits a moment; whether it is time to stop.
    async fn pause(&self) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => true,
            () = tokio::time::sleep(AGAIN.mul_f64(0.5 + 0.5 * jitter())) => false,
        }
    }
}

/// How far a replay has come, how many records there were, and which of them stay on the disk.
struct Came {
    read_to: u64,
    handled: usize,
    kept: Vec<u64>,
}

/// What became of a kept outcome.
enum Ended {
    /// The store has it, or has nothing that it could belong to.
    Settled,
    /// It stays on the disk.
    Kept,
    /// The process stops; the next start has it.
    Stopped,
}
