//! The few things a log asks of a disk, so that tests can make each of them fail.
//!
//! [`RealDisk`] is the only one outside tests. An implementation must not answer `Ok` for a
//! sync before the bytes are on stable storage: a receipt is made from that answer.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Where segments are written.
pub trait Disk: Send + Sync + 'static {
    /// Makes a new, empty file for writing.
    ///
    /// # Errors
    /// When it exists already, or cannot be made.
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;

    /// Makes names in `dir` durable.
    ///
    /// # Errors
    /// When that is not certain.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// The share of the disk under `dir`, 0.0 to 1.0, that is free for this user.
    ///
    /// # Errors
    /// When the system does not say.
    fn free_share(&self, dir: &Path) -> io::Result<f64>;
}

/// A segment being written. Only ever used by one thread.
pub trait SegmentFile: Send {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// Some of them may have been written then.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once everything written is on stable storage (`fdatasync`).
    ///
    /// # Errors
    /// Nothing is known then about what was written since the last good sync, and a second
    /// call proves nothing: the system may have dropped the pages and forgotten the fault.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// What lies behind `len` may come back after a restart then.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(file))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_share(&self, dir: &Path) -> io::Result<f64> {
        let disk = rustix::fs::statvfs(dir)?;

        Ok(disk.f_bavail as f64 / disk.f_blocks.max(1) as f64)
    }
}

impl SegmentFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// Makes a folder for this user alone, and its parents, durably: a synced file in a folder whose
/// own name was never synced is gone after a power cut.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = match dir.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    };
    create_dir(parent)?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    RealDisk.sync_dir(parent)
}
