//! Where damaged bytes go: one file per stretch, named after the place it was found and its
//! checksum, so that finding it again changes nothing. Never read back by the program.

use super::LogError;
use super::disk::create_dir;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The folder of damaged bytes.
#[derive(Debug)]
pub(super) struct Quarantine {
    dir: PathBuf,
}

impl Quarantine {
    pub(super) fn at(log_dir: &Path) -> Self {
        Self { dir: log_dir.join("quarantine") }
    }

    /// How many stretches are kept.
    pub(super) fn count(&self) -> Result<u64, LogError> {
        match fs::read_dir(&self.dir) {
            Ok(entries) => Ok(u64::try_from(entries.count()).unwrap_or(u64::MAX)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(LogError::io("list", &self.dir)(error)),
        }
    }

    /// Keeps `bytes`, found at `offset` of `segment`, durably. Whether they are new here.
    pub(super) fn keep(&self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<bool> {
        create_dir(&self.dir)?;
        let crc = crc32fast::hash(bytes);
        let path = self.dir.join(format!("{segment:020}-{offset:010}-{crc:08x}.bad"));
        if fs::metadata(&path)
            .is_ok_and(|known| known.len() == u64::try_from(bytes.len()).unwrap_or(0))
        {
            return Ok(false);
        }
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        File::open(&self.dir)?.sync_all()?;
        Ok(true)
    }
}
