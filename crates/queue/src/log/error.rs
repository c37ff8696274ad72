//! What can go wrong with a segment log, told apart by who must act. A damaged record is not
//! among them: it is set aside and counted, and never stops anything.

use relink_core::seal::SealError;
use std::io;
use std::path::{Path, PathBuf};

/// A log that cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Two writers on one folder would overwrite each other's promises.
    #[error(
        "{} is in use by another relink process: stop it, or give this one another data_dir",
        .dir.display()
    )]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The records were sealed with another key.
    #[error(
        "{} was sealed with another key than {key}: put the key back that wrote it, or move the folder away",
        .segment.display()
    )]
    WrongKey {
        /// The segment.
        segment: PathBuf,
        /// The name of the key that does not fit.
        key: String,
    },
    /// The folder was written by a later release.
    #[error(
        "{} has format {version}, and this release reads up to {}: run the newer release",
        .segment.display(), super::format::VERSION
    )]
    Newer {
        /// The segment.
        segment: PathBuf,
        /// Its format.
        version: u32,
    },
    /// The file that holds the key cannot be used as it is.
    #[error("the key file {}: {why}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What to change.
        why: String,
    },
    /// The key itself does not work.
    #[error("sealing")]
    Seal(#[from] SealError),
    /// The disk.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl LogError {
    /// For `map_err` on a call about one path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// A record that was not stored. Whoever handed it over still owns it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The log holds as much as it may; settling makes room.
    #[error("the log holds {used} of the {max} bytes it may")]
    Full {
        /// Bytes on the disk and on their way there.
        used: u64,
        /// The cap.
        max: u64,
    },
    /// More is waiting for the disk than the log will hold in memory: the disk is too slow.
    #[error("the disk does not keep up: {waiting} bytes wait to be written")]
    Busy {
        /// Bytes accepted and not yet written.
        waiting: usize,
    },
    /// The disk has less free than the floor that was set.
    #[error("the disk has {free_percent} % free, under the floor of {floor_percent} %")]
    DiskLow {
        /// What is free.
        free_percent: u8,
        /// What must stay free.
        floor_percent: u8,
    },
    /// The record is larger than this log takes; trying again cannot help.
    #[error("the record has {size} bytes, more than the {max} that fit")]
    TooLarge {
        /// Id and body together, in bytes.
        size: usize,
        /// The most that fit.
        max: usize,
    },
    /// The disk failed. The record may or may not be there after a restart.
    #[error("the disk failed while the record was written")]
    Disk(#[source] std::sync::Arc<io::Error>),
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}
