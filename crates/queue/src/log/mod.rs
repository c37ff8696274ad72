//! The segment log under the receiver's spool and the embedded queue.
#![allow(missing_docs, dead_code, unused_variables, clippy::todo)]

pub mod disk;
mod error;
mod format;
mod key;

pub use error::{AppendError, LogError};
pub use key::load_or_create_key;

use bytes::Bytes;
use relink_core::Timestamp;
use relink_core::seal::SealKey;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// How a log behaves.
#[derive(Debug, Clone)]
pub struct LogOptions {
    pub dir: PathBuf,
    pub name: String,
    pub segment_bytes: u64,
    pub max_bytes: u64,
    pub min_free: f64,
    pub max_record: usize,
    pub linger: Duration,
}

impl LogOptions {
    pub fn new(dir: impl Into<PathBuf>, name: &str) -> Self {
        todo!()
    }
}

/// Proof that a record is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    seq: u64,
}

impl Receipt {
    pub fn seq(self) -> u64 {
        self.seq
    }
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub seq: u64,
    pub id: String,
    pub bytes: Bytes,
    pub appended_at: Timestamp,
}

/// How the log stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStats {
    pub pending: u64,
    pub pending_bytes: u64,
    pub oldest: Option<Timestamp>,
    pub used_bytes: u64,
    pub quarantined: u64,
    pub poisoned: u64,
    pub failures_in_a_row: u64,
}

/// An open log.
#[derive(Debug, Clone)]
pub struct SegmentLog {}

impl SegmentLog {
    pub fn open(options: LogOptions, key: SealKey) -> Result<Self, LogError> {
        todo!()
    }
    /// Queued at once; dropping the future does not cancel the write.
    pub fn append(
        &self,
        id: &str,
        bytes: Bytes,
    ) -> impl Future<Output = Result<Receipt, AppendError>> + Send + 'static {
        async { todo!() }
    }
    pub fn settle(&self, seq: u64) {
        todo!()
    }
    pub async fn next_batch(
        &self,
        after_seq: u64,
        max_n: usize,
        max_bytes: usize,
    ) -> Result<Vec<Record>, LogError> {
        todo!()
    }
    pub fn newest(&self) -> watch::Receiver<u64> {
        todo!()
    }
    pub fn stats(&self) -> LogStats {
        todo!()
    }
    pub async fn close(&self) {
        todo!()
    }
}
