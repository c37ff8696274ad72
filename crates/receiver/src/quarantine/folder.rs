//! The folder of kept requests, as the receiver and an operator's command share it: one file for
//! each, never changed once it has its name. Either may remove any of them at any moment, so a
//! file that is gone is no fault.

use super::format::{self, Held, Unreadable};
use super::{MAX_BODY, Name};
use relink_core::seal::SealKey;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// No kept request is larger: body, source, signature, framing, nonce and tag.
const MAX_FILE: u64 = MAX_BODY as u64 + 1024;

/// What a file takes on the disk is counted in blocks of this many bytes.
const BLOCK: u64 = 4096;

/// Where unverified requests are kept.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// One file of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: Name,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Kept {
    /// Bytes on the disk.
    pub(super) fn on_disk(&self) -> u64 {
        on_disk(self.bytes)
    }
}

/// What a file of this many bytes takes on the disk.
pub(super) fn on_disk(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// The disk refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", .path.display())]
pub struct FolderError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// What became of files that had to go.
#[derive(Debug, Default)]
pub(super) struct Swept {
    /// Removed.
    pub(super) gone: usize,
    /// Not removed; the next sweep tries again.
    pub(super) stayed: usize,
    /// Which one stayed first, and why.
    pub(super) fault: Option<FolderError>,
}

impl Swept {
    /// Counts one; a file that stays keeps no other from going.
    pub(super) fn add(&mut self, removed: Result<(), FolderError>) {
        match removed {
            Ok(()) => self.gone += 1,
            Err(error) => {
                self.stayed += 1;
                self.fault.get_or_insert(error);
            }
        }
    }
}

/// Why a kept request cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody removed it meanwhile.
    #[error("it is gone")]
    Gone,
    /// What is in the file is of no use.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] FolderError),
}

impl Folder {
    /// The quarantine in `data_dir`; made when something has to be kept.
    pub fn in_data_dir(data_dir: &Path) -> Self {
        Self(data_dir.join("quarantine"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &Name) -> PathBuf {
        self.0.join(name.file_name())
    }

    /// Every kept request, oldest first.
    ///
    /// # Errors
    /// The folder cannot be read. One that is not there is empty.
    pub fn list(&self) -> Result<Vec<Kept>, FolderError> {
        let mut kept = Vec::new();
        for file in self.files()? {
            let Some(name) = file.file_name().to_str().and_then(Name::of_file) else { continue };
            // Gone meanwhile, or not ours to look at: either way nothing that is kept.
            if let Ok(about) = file.metadata() {
                kept.push(Kept { name, bytes: about.len() });
            }
        }
        kept.sort_by_key(|kept| kept.name);
        Ok(kept)
    }

    /// How many there are.
    pub(super) fn count(&self) -> Result<usize, FolderError> {
        let ours = |file: &fs::DirEntry| file.file_name().to_str().and_then(Name::of_file);
        Ok(self.files()?.iter().filter_map(ours).count())
    }

    /// Removes what a process that was killed had not finished writing. Only while no other
    /// process writes here.
    pub(super) fn remove_drafts(&self) -> Result<Swept, FolderError> {
        let mut swept = Swept::default();
        for file in self.files()? {
            let draft = file.path();
            if draft.extension().is_some_and(|end| end == "new") {
                swept.add(fs::remove_file(&draft).map_err(fault("remove", &draft)));
            }
        }
        Ok(swept)
    }

    /// What a kept request says.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, key: &SealKey, name: &Name) -> Result<Held, OpenError> {
        let path = self.file(name);
        let mut bytes = Vec::new();
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::Gone),
            opened => opened.map_err(fault("open", &path))?,
        };
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(fault("read", &path))?;
        Ok(format::decode(key, name, &bytes)?)
    }

    /// Removes a kept request for good.
    ///
    /// # Errors
    /// It is still there.
    pub fn remove(&self, name: &Name) -> Result<(), FolderError> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(fault("remove", &path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn files(&self) -> Result<Vec<fs::DirEntry>, FolderError> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(fault("list", &self.0))?,
        };
        entries.collect::<io::Result<_>>().map_err(fault("list", &self.0))
    }
}

/// For `map_err` on a call about one path.
pub(super) fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError { action, path: path.to_owned(), source }
}
