//! Between the answer and the quarantine: an inlet that never waits, a short queue, and one task
//! that writes at a bounded pace. A flood of forged requests can fill the queue, which is counted;
//! it cannot make an answer wait, nor take the disk from the spool.

use super::FolderError;
use super::arrival::{ARRIVAL_HEADER, arrival_of};
use super::folder::Swept;
use super::keep::{Candidate, Fate, Quarantine};
use super::source::Source;
use super::{MAX_BODY, SIGNATURE_LEN};
use crate::sampled::Sampled;
use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use relink_cobalt::event::EVENT_ID_HEADER;
use relink_cobalt::verify::SIGNATURE_HEADER;
use relink_core::Timestamp;
use relink_core::id::EventId;
use relink_core::seal::SealKey;
use relink_http::HeaderMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Requests that wait to be written; at [`MAX_BODY`] each, 16 MiB at most.
const QUEUE: usize = 256;

/// Written together, under one sync of the folder.
const BATCH: usize = 16;

/// Between two batches: 160 files a second at most, so that the spool has the disk.
const PACE: Duration = Duration::from_millis(100);

/// Between two looks for what is too old.
const SWEEP: Duration = Duration::from_secs(600);

/// Between two counts of the folder: an operator's command removes from it too.
const COUNT: Duration = Duration::from_secs(5);

type Results = Family<[(&'static str, &'static str); 1], Counter>;

/// Where requests that failed their signature are handed in. Does nothing when none are kept.
#[derive(Default)]
pub(crate) struct Inlet {
    queue: Option<mpsc::Sender<Candidate>>,
    /// Opens what `relink quarantine redrive` says of a request.
    key: Option<SealKey>,
    results: Results,
}

/// The task behind an inlet.
pub(crate) struct Keeper {
    queue: mpsc::Receiver<Candidate>,
    quarantine: Arc<Quarantine>,
    results: Results,
    entries: Gauge,
    lines: Sampled,
}

/// Inlet and task of a quarantine, with their metrics.
pub(crate) fn open(quarantine: Quarantine, registry: &mut Registry) -> (Inlet, Keeper) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let results = Results::default();
    registry.register(
        "relink_quarantined",
        "Requests that failed their signature, by whether they were kept",
        results.clone(),
    );
    let entries = Gauge::default();
    registry.register(
        "relink_quarantine_entries",
        "Requests kept that failed their signature",
        entries.clone(),
    );
    // Before the first scrape: one that answers 0 would look like a redrive.
    count_entries(&quarantine, &entries);
    let key = Some(quarantine.key.clone());
    let keeper = Keeper {
        queue,
        quarantine: Arc::new(quarantine),
        results: results.clone(),
        entries,
        lines: Sampled::default(),
    };
    (Inlet { queue: Some(sender), key, results }, keeper)
}

impl Inlet {
    /// Hands in a request. What cannot be Cobalt's by its
    /// looks is let go: no well-formed signature, no JSON object.
    pub(crate) fn offer(&self, headers: &HeaderMap, body: &Bytes, source: Source) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(queue) = &self.queue else { return };
        let Some(signature) = text(SIGNATURE_HEADER).filter(|text| is_signature(text)) else {
            return;
        };
        if body.trim_ascii_start().first() != Some(&b'{') {
            return;
        }
        if body.len() > MAX_BODY {
            count(&self.results, Fate::TooLarge);
            return;
        }
        let candidate = Candidate {
            received_at: Timestamp::now(),
            source,
            signature: signature.to_owned(),
            webhook_id: text(EVENT_ID_HEADER).and_then(|id| EventId::parse(id).ok()),
            body: body.clone(),
        };
        if queue.try_send(candidate).is_err() {
            count(&self.results, Fate::Dropped);
        }
    }

    /// When a request that is sent in again from the quarantine first came; `None` for any other.
    pub(crate) fn first_arrival(&self, headers: &HeaderMap, body: &[u8]) -> Option<Timestamp> {
        let pass = headers.get(ARRIVAL_HEADER)?.to_str().ok()?;
        arrival_of(self.key.as_ref()?, pass, body)
    }
}

fn is_signature(text: &str) -> bool {
    text.len() == SIGNATURE_LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn count(results: &Results, fate: Fate) {
    results.get_or_create(&[("result", fate.as_str())]).inc();
}

/// Reads the folder, so never where a scrape or a request waits for it. One that cannot be read
/// leaves the count as it was.
fn count_entries(quarantine: &Quarantine, entries: &Gauge) {
    if let Ok(count) = quarantine.folder.count() {
        entries.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

impl Keeper {
    /// Writes until `stop`, then what is waiting.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        self.sweep(|quarantine| quarantine.folder.remove_drafts()).await;
        let mut sweep = tokio::time::interval(SWEEP);
        let mut counting = tokio::time::interval(COUNT);
        counting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // Before the queue: a flood keeps that one ready for ever.
                _ = sweep.tick() => {
                    self.expire().await;
                    continue;
                }
                _ = counting.tick() => {
                    // Whatever is done there ends with a count.
                    self.off_the_runtime(|_| Ok(())).await;
                    continue;
                }
                candidate = self.queue.recv() => candidate,
            };
            let Some(first) = first else { break };
            self.keep(first).await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(PACE) => {}
            }
        }
        self.queue.close();
        while let Some(first) = self.queue.recv().await {
            self.keep(first).await;
        }
    }

    /// Keeps `first` and what waits behind it.
    async fn keep(&mut self, first: Candidate) {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(candidate) = self.queue.try_recv()
        {
            batch.push(candidate);
        }
        let count_of = batch.len();
        let fates = self.off_the_runtime(move |quarantine| quarantine.keep_all(&batch)).await;
        let (fates, fault) = fates.unwrap_or_else(|| (vec![Fate::Failed; count_of], None));
        if let Some(error) = fault {
            self.tell(&error);
        }
        for fate in &fates {
            count(&self.results, *fate);
        }
        let refused = |fate: &&Fate| matches!(fate, Fate::Full | Fate::DiskLow);
        if let Some(fate) = fates.iter().find(refused)
            && let Some(held_back) = self.lines.admit(Instant::now())
        {
            tracing::warn!(
                result = fate.as_str(),
                held_back,
                "a request that failed its signature was not kept; `relink quarantine list` shows \
                 what is, and [receiver] quarantine_max sets how much may be",
            );
        }
    }

    async fn expire(&self) {
        let now = Timestamp::now();
        let gone = self.sweep(move |quarantine| quarantine.expire(now)).await;
        if gone > 0 {
            tracing::info!(gone, "requests were kept in the quarantine for as long as they may be");
        }
    }

    /// Removes what has to go; answers how many went.
    async fn sweep(
        &self,
        work: impl FnOnce(&Quarantine) -> Result<Swept, FolderError> + Send + 'static,
    ) -> usize {
        let Swept { gone, stayed, fault } = self.off_the_runtime(work).await.unwrap_or_default();
        if let Some(error) = fault {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, stayed, "files stay in the quarantine that had to go");
        }
        gone
    }

    /// Does something that waits for the disk, and counts what is there behind it. A fault of the
    /// disk is logged, and no more than that: what is in the quarantine was never promised to
    /// anybody.
    async fn off_the_runtime<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Quarantine) -> Result<T, FolderError> + Send + 'static,
    ) -> Option<T> {
        let (quarantine, entries) = (Arc::clone(&self.quarantine), self.entries.clone());
        let done = move || {
            let done = work(&quarantine);
            count_entries(&quarantine, &entries);
            done
        };
        match tokio::task::spawn_blocking(done).await {
            Ok(Ok(done)) => Some(done),
            Ok(Err(error)) => {
                self.tell(&error);
                None
            }
            Err(error) => {
                tracing::error!(%error, "the quarantine ended in a panic");
                None
            }
        }
    }

    fn tell(&self, error: &FolderError) {
        if let Some(held_back) = self.lines.admit(Instant::now()) {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, cause, held_back, "the quarantine cannot be used");
        }
    }
}
