//! How a log behaves, and the limits that keep one from filling itself up.

use std::path::PathBuf;
use std::time::Duration;

/// How a log behaves. Start from [`LogOptions::new`].
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Its folder; made when missing.
    pub dir: PathBuf,
    /// What its records are bound to, such as `spool`. Records written under another name do
    /// not open.
    pub name: String,
    /// A new segment is begun behind this many bytes; at most an eighth of `max_bytes`.
    pub segment_bytes: u64,
    /// The most its segments may take up, in bytes; records are refused above.
    pub max_bytes: u64,
    /// The share of the disk, 0.0 to 1.0, that must be free for records to be taken.
    pub min_free: f64,
    /// The most that id and bytes of one record may have together; at most an eighth of
    /// `max_bytes`.
    pub max_record: usize,
    /// How long the writer waits for more records when it has fewer than usual; 2 ms at most
    /// make sense. A lone producer never waits.
    pub linger: Duration,
}

impl LogOptions {
    /// 8 MiB segments, 1 GiB in all, 10 % of the disk free, records up to 1 MiB, 1 ms linger.
    pub fn new(dir: impl Into<PathBuf>, name: &str) -> Self {
        Self {
            dir: dir.into(),
            name: name.to_owned(),
            segment_bytes: 8 << 20,
            max_bytes: 1 << 30,
            min_free: 0.10,
            max_record: 1 << 20,
            linger: Duration::from_millis(1),
        }
    }

    /// An eighth, so that what is done but not yet deleted never fills the log by itself.
    pub(super) fn fitted(mut self) -> Self {
        let eighth = self.max_bytes / 8;
        self.segment_bytes = self.segment_bytes.min(eighth);
        self.max_record = self.max_record.min(usize::try_from(eighth).unwrap_or(usize::MAX));
        self
    }
}
