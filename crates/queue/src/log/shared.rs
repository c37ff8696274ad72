//! What producers, readers and the writer thread of a log share, and the folder's lock. Each
//! lock here is held for bookkeeping only, never over a read, a write or an fsync of records.

use super::disk::Disk;
use super::format::Sealing;
use super::inbox::{Inbox, Waiting};
use super::index::Index;
use super::quarantine::Quarantine;
use super::{AppendError, LogError, LogOptions};
use relink_core::seal::SealKey;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What producers, readers and the writer thread share.
pub(super) struct Shared {
    pub(super) options: LogOptions,
    pub(super) key: SealKey,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) quarantine: Quarantine,
    pub(super) inbox: Inbox,
    pub(super) index: Mutex<Index>,
    pub(super) newest: watch::Sender<u64>,
    /// The index's `used`, readable without its lock.
    pub(super) used: AtomicU64,
    pub(super) quarantined: AtomicU64,
    pub(super) torn: u64,
    pub(super) poisoned: AtomicU64,
    pub(super) failures_in_a_row: AtomicU64,
}

impl Shared {
    pub(super) fn sealing(&self) -> Sealing<'_> {
        Sealing { key: &self.key, log: &self.options.name }
    }

    pub(super) fn lock_index(&self) -> MutexGuard<'_, Index> {
        // The index is only bookkeeping of what the files hold; a panic elsewhere leaves it so.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settle(&self, seq: u64) {
        let known = self.lock_index().settle(seq);
        if known {
            self.inbox.settle(seq);
        }
    }

    /// Answers a record that was handed in and not stored.
    pub(super) fn refuse(&self, waiting: Waiting, error: AppendError) {
        self.inbox.written(waiting.size);
        // Nobody may be waiting any more.
        let _ = waiting.reply.send(Err(error));
    }

    /// Why nothing may be written, when the disk has too little free.
    pub(super) fn disk_low(&self) -> Option<AppendError> {
        let floor = self.options.min_free;
        // A system that does not say how much is free will say so when it is full.
        let free = self.disk.free_share(&self.options.dir).ok()?;
        (free < floor).then(|| AppendError::DiskLow {
            free_percent: percent(free),
            floor_percent: percent(floor),
        })
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

fn percent(share: f64) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 100")]
    let percent = (share * 100.0).round().clamp(0.0, 100.0) as u8;
    percent
}

pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.seg"))
}

/// The lock lives as long as the file is open, and ends with the process however it ends.
pub(super) fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(LogError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(LogError::io("lock", &path)(error)),
    }
}
