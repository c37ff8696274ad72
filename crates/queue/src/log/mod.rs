//! The segment log: the disk under the receiver's spool and the embedded queue, and what the
//! first promise rests on. A [`Receipt`] exists only for a record that is on stable storage;
//! every record is handed out until it is settled, over crashes, damage and full disks; what is
//! damaged is set aside, counted and kept. It never repeats a failed fsync, never overwrites,
//! and never stops because of what it finds in a file.
//!
//! # Files, format 1
//!
//! A log is a folder: `lock` (held by the one process that has it open), `quarantine/` (damaged
//! bytes), and segments `<number, 20 digits>.seg`, written once from front to back. Numbers are
//! little-endian, CRC is CRC-32 (IEEE 802.3).
//!
//! | segment header, 60 bytes | |
//! |---|---|
//! | magic | `RLKSEGMT` |
//! | version | u32; every later format keeps these 60 bytes |
//! | segment number | u64 |
//! | next sequence number | u64: where numbering goes on if nothing else is left |
//! | key check | 28 bytes: an empty text, sealed; tells a wrong key from damage |
//! | CRC | u32, over all before it |
//!
//! | record | |
//! |---|---|
//! | marker | `C9 72 6C 6B`: finds the next record behind a damaged one |
//! | length of the body | u32 |
//! | CRC | u32, over the length and all behind the CRC |
//! | kind | u8: 1 record, 2 settled |
//! | sequence number | u64; 0 for kind 2 |
//! | time of writing | i64, milliseconds since 1970; 0 for kind 2 |
//! | body, kind 1 | nonce, AES-256-GCM of (u16 length of the id, id, bytes), tag; bound to log name and sequence number |
//! | body, kind 2 | ranges that are done: u64 first, u64 count, repeated |
//!
//! Kind 2 is written without an fsync of its own; losing one costs a replay, which every reader
//! must bear anyway. Segments are deleted strictly oldest first (see `index`), so a record never
//! outlives the note that it is done. When a few old records hold back many done ones, they are
//! written again at the end, under the same number; the last copy of a number counts.

pub mod disk;
mod error;
mod format;
mod inbox;
mod index;
mod key;
mod options;
mod peek;
mod quarantine;
mod read;
mod replay;
mod shared;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{AppendError, LogError};
pub use key::load_or_create_key;
pub use options::LogOptions;
pub use peek::{LogPeek, peek};

use bytes::Bytes;
use disk::{Disk, RealDisk};
use format::Sealing;
use inbox::{Inbox, Waiting};
use quarantine::Quarantine;
use relink_core::Timestamp;
use relink_core::seal::SealKey;
use relink_core::time::from_millis;
use shared::Shared;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{oneshot, watch};
use writer::Writer;

/// Proof that a record is on stable storage: the only thing that may become a 2xx answer. Only
/// a log can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    seq: u64,
}

impl Receipt {
    /// The number of the record, for [`SegmentLog::settle`].
    pub fn seq(self) -> u64 {
        self.seq
    }
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number: from 1, rising in the order of appending, with gaps; never used twice while
    /// the log is open or anything on the disk speaks of it.
    pub seq: u64,
    /// As given to [`SegmentLog::append`].
    pub id: String,
    /// As given to [`SegmentLog::append`].
    pub bytes: Bytes,
    /// When it was written.
    pub appended_at: Timestamp,
}

/// How a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogStats {
    /// Records not settled.
    pub pending: u64,
    /// What they take up on the disk.
    pub pending_bytes: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// Bytes of all segments, settled records included.
    pub used_bytes: u64,
    /// Damaged stretches in the quarantine, over all starts.
    pub quarantined: u64,
    /// Unfinished ends of segments seen at the start.
    pub torn: u64,
    /// Segments given up since the start because a write or fsync failed.
    pub poisoned: u64,
    /// Groups in a row that could not be written; above 0 the disk is failing right now.
    pub failures_in_a_row: u64,
}

/// An open log. Clones share it; dropping the last one, or [`SegmentLog::close`], writes what
/// was handed in and gives the folder free.
#[derive(Debug, Clone)]
pub struct SegmentLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SegmentLog {
    /// Opens or makes the log in `options.dir` and reads what is there; blocks while it does
    /// (about a second for a gigabyte). The folder is this process's alone from then on.
    ///
    /// # Errors
    /// See [`LogError`]; damaged records are none.
    pub fn open(options: LogOptions, key: SealKey) -> Result<Self, LogError> {
        Self::open_on(options, key, Arc::new(RealDisk))
    }

    /// [`SegmentLog::open`], writing to another [`Disk`]. For tests that need one that fails.
    ///
    /// # Errors
    /// As [`SegmentLog::open`].
    pub fn open_on(
        options: LogOptions,
        key: SealKey,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, LogError> {
        let options = options.fitted();
        let dir = &options.dir;
        disk::create_dir(dir).map_err(LogError::io("create", dir))?;
        let lock = shared::lock(dir)?;
        let quarantine = Quarantine::at(dir);
        let sealing = Sealing { key: &key, log: &options.name };
        let found = replay::replay(dir, &sealing, &quarantine)?;
        let shared = Arc::new(Shared {
            inbox: Inbox::new(options.linger, options.segment_bytes),
            newest: watch::Sender::new(found.next_seq - 1),
            used: AtomicU64::new(found.index.used()),
            quarantined: AtomicU64::new(quarantine.count()?),
            index: Mutex::new(found.index),
            torn: found.torn,
            poisoned: AtomicU64::new(0),
            failures_in_a_row: AtomicU64::new(0),
            options,
            key,
            disk,
            quarantine,
        });
        let writer = Writer {
            shared: Arc::clone(&shared),
            lock,
            next_seq: found.next_seq,
            next_segment: found.next_segment,
            active: None,
        };
        let thread = std::thread::Builder::new()
            .name(format!("log {}", shared.options.name))
            .spawn(move || writer.run())
            .map_err(LogError::io("start the writer of", &shared.options.dir))?;
        Ok(Self { inner: Arc::new(Inner { shared, writer: Mutex::new(Some(thread)) }) })
    }

    /// Stores a record. It is handed in at once, not when the future is first polled, and it is
    /// written even if the future is dropped. Resolves when the record is on stable storage.
    /// Many that are handed in together share one fsync.
    ///
    /// # Errors
    /// See [`AppendError`]: there is no receipt then, and the caller still owns the record. It
    /// may turn up all the same after [`AppendError::Disk`] and a restart.
    pub fn append(
        &self,
        id: &str,
        bytes: Bytes,
    ) -> impl Future<Output = Result<Receipt, AppendError>> + Send + use<> {
        let handed_in = self.hand_in(id, bytes);
        async move {
            // A reply that never comes means that the writer is gone.
            handed_in?.await.unwrap_or(Err(AppendError::Closed))
        }
    }

    fn hand_in(
        &self,
        id: &str,
        bytes: Bytes,
    ) -> Result<oneshot::Receiver<Result<Receipt, AppendError>>, AppendError> {
        let shared = &self.inner.shared;
        let (size, max) = (id.len() + bytes.len(), shared.options.max_record);
        if size > max || id.len() > usize::from(u16::MAX) {
            return Err(AppendError::TooLarge { size, max });
        }
        let (reply, receipt) = oneshot::channel();
        let size = format::size_on_disk(id, &bytes);
        let waiting = Waiting { id: id.to_owned(), bytes, size, reply };
        let used = shared.used.load(Ordering::Relaxed);
        shared.inbox.put(waiting, used, shared.options.max_bytes)?;
        Ok(receipt)
    }

    /// The record is done: it is not handed out again. Written a little later, without an fsync
    /// of its own, so a crash may bring the record back. Unknown numbers are ignored.
    pub fn settle(&self, seq: u64) {
        self.inner.shared.settle(seq);
    }

    /// Unsettled records with numbers above `after_seq`, in order: at most `max_n`, and no more
    /// than about `max_bytes` unless the first alone has more. Empty when there are none.
    /// Damaged ones are set aside and left out.
    ///
    /// # Errors
    /// [`LogError::Io`] when the disk cannot be read just now; nothing is skipped by it.
    pub async fn next_batch(
        &self,
        after_seq: u64,
        max_n: usize,
        max_bytes: usize,
    ) -> Result<Vec<Record>, LogError> {
        let shared = Arc::clone(&self.inner.shared);
        self.blocking(move || shared.read_after(after_seq, max_n, max_bytes)).await
    }

    /// The record with this number; `None` once it is settled or set aside.
    ///
    /// # Errors
    /// As [`SegmentLog::next_batch`].
    pub async fn read(&self, seq: u64) -> Result<Option<Record>, LogError> {
        let shared = Arc::clone(&self.inner.shared);
        self.blocking(move || shared.read_one(seq)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let stopped = |error| std::io::Error::other(error);
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| LogError::io("read", &self.inner.shared.options.dir)(stopped(error)))?
    }

    /// The highest number ever stored, to wait for the next one on.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.inner.shared.newest.subscribe()
    }

    /// How the log stands.
    pub fn stats(&self) -> LogStats {
        let shared = &self.inner.shared;
        let index = shared.lock_index();
        LogStats {
            pending: index.pending(),
            pending_bytes: index.pending_bytes(),
            oldest: index.oldest_millis().map(from_millis),
            used_bytes: index.used(),
            quarantined: shared.quarantined.load(Ordering::Relaxed),
            torn: shared.torn,
            poisoned: shared.poisoned.load(Ordering::Relaxed),
            failures_in_a_row: shared.failures_in_a_row.load(Ordering::Relaxed),
        }
    }

    /// Takes no more, writes what was handed in, and gives the folder free. Every clone is
    /// closed with it.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.inner);
        // A runtime that is shutting down refuses; then the drop of the last clone does it.
        let _ = tokio::task::spawn_blocking(move || inner.stop()).await;
    }
}

impl Inner {
    fn stop(&self) {
        self.shared.inbox.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A writer that panicked has nothing left to give back.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
