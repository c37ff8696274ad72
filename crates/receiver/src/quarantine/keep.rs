//! Writing into the quarantine: what is worth keeping, whether there is room for it, and then a
//! draft, its sync, its name, the folder's sync. Blocks on the disk, so it never runs where
//! requests are answered.

use super::folder::{self, Folder, FolderError, Swept, on_disk};
use super::format::{self, Held};
use super::room::{Place, Room, room};
use super::source::Source;
use super::{Kept, Name};
use bytes::Bytes;
use relink_core::id::EventId;
use relink_core::seal::{NonceBytes, SealKey};
use relink_core::{Timestamp, time};
use relink_queue::log::disk::Disk;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

/// How much may be kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// On the disk, in bytes.
    pub max_bytes: u64,
    /// Older ones are removed.
    pub keep: Duration,
    /// The share of the disk, 0.0 to 1.0, that must stay free.
    pub min_free: f64,
}

/// The quarantine as its receiver has it.
pub struct Quarantine {
    pub(super) folder: Folder,
    pub(super) key: SealKey,
    disk: Arc<dyn Disk>,
    limits: Limits,
}

/// A request that failed its signature.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) received_at: Timestamp,
    pub(crate) source: Source,
    pub(crate) signature: String,
    /// What the unsigned header calls the event.
    pub(crate) webhook_id: Option<EventId>,
    pub(crate) body: Bytes,
}

/// What became of a candidate; one label each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    Kept,
    /// The same request is there already.
    Repeated,
    /// Not an event of ours, by its own words.
    NotOurs,
    TooLarge,
    /// More came at once than is taken down.
    Dropped,
    /// No room that is this source's to take.
    Full,
    /// The disk has less free than must stay free.
    DiskLow,
    Failed,
}

/// One fate for each candidate, and the last fault of the disk if there was one.
pub(super) type Outcome = (Vec<Fate>, Option<FolderError>);

impl Fate {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Repeated => "repeated",
            Self::NotOurs => "not_ours",
            Self::TooLarge => "too_large",
            Self::Dropped => "dropped",
            Self::Full => "full",
            Self::DiskLow => "disk_low",
            Self::Failed => "failed",
        }
    }
}

impl Quarantine {
    /// A quarantine in `folder`, sealed with `key`. Touches nothing yet.
    pub fn new(folder: Folder, key: SealKey, disk: Arc<dyn Disk>, limits: Limits) -> Self {
        Self { folder, key, disk, limits }
    }

    /// Removes what is older than it may be.
    pub(super) fn expire(&self, now: Timestamp) -> Result<Swept, FolderError> {
        let mut swept = Swept::default();
        for Kept { name, .. } in self.folder.list()? {
            if time::since(name.received_at(), now) > self.limits.keep {
                swept.add(self.folder.remove(&name));
            }
        }
        Ok(swept)
    }

    /// Keeps what it can of `candidates`, durably; one fate for each, in order. A disk
    /// that fails with one of them may still take the next.
    pub(super) fn keep_all(&self, candidates: &[Candidate]) -> Result<Outcome, FolderError> {
        create(&self.folder)?;
        let low = self.disk.free_share(self.folder.path()).map_err(self.fault("measure"))?
            < self.limits.min_free;
        if low {
            return Ok((vec![Fate::DiskLow; candidates.len()], None));
        }
        let mut kept = self.folder.list()?;
        let (mut fates, mut fault) = (Vec::with_capacity(candidates.len()), None);
        for candidate in candidates {
            fates.push(self.keep(candidate, &mut kept).unwrap_or_else(|error| {
                fault = Some(error);
                Fate::Failed
            }));
        }
        self.disk.sync_dir(self.folder.path()).map_err(self.fault("sync"))?;
        Ok((fates, fault))
    }

    /// Keeps one, except for the folder's sync. `kept` is oldest first, before and behind.
    fn keep(&self, candidate: &Candidate, kept: &mut Vec<Kept>) -> Result<Fate, FolderError> {
        let Candidate { received_at, source, signature, webhook_id, body } = candidate;
        if relink_cobalt::claim(body, None).is_none() {
            return Ok(Fate::NotOurs);
        }
        let name = Name::new(*received_at, source.tag(), signature, body);
        if kept.iter().any(|kept| kept.name.digest == name.digest) {
            return Ok(Fate::Repeated);
        }
        let held = Held {
            source: source.to_string(),
            signature: signature.clone(),
            webhook_id: webhook_id.as_ref().map(EventId::to_string),
            body: body.clone(),
        };
        let file = self.seal(&name, &held).map_err(self.fault("seal into"))?;
        let bytes = file.len() as u64;
        let places: Vec<Place> = kept
            .iter()
            .map(|kept| Place { source: kept.name.source, bytes: kept.on_disk() })
            .collect();
        let newcomer = Place { source: name.source, bytes: on_disk(bytes) };
        let Room::Made(gone) = room(&places, newcomer, self.limits.max_bytes) else {
            return Ok(Fate::Full);
        };
        let path = self.folder.file(&name);
        let draft = path.with_extension("new");
        // Only once the newcomer is on the disk does anybody give way to it.
        let placed = self
            .write(&draft, &file)
            .and_then(|()| self.give_way(gone, kept))
            .and_then(|()| fs::rename(&draft, &path).map_err(folder::fault("name", &path)));
        placed.inspect_err(|_| {
            let _ = fs::remove_file(&draft);
        })?;
        let at = kept.partition_point(|kept| kept.name < name);
        kept.insert(at, Kept { name, bytes });
        Ok(Fate::Kept)
    }

    /// Removes those at these positions.
    fn give_way(&self, mut gone: Vec<usize>, kept: &mut Vec<Kept>) -> Result<(), FolderError> {
        gone.sort_unstable();
        for at in gone.into_iter().rev() {
            self.folder.remove(&kept.remove(at).name)?;
        }
        Ok(())
    }

    fn seal(&self, name: &Name, held: &Held) -> io::Result<Vec<u8>> {
        let mut nonce = NonceBytes::default();
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| io::Error::other("no random numbers"))?;
        format::encode(&self.key, nonce, name, held)
    }

    fn write(&self, draft: &std::path::Path, bytes: &[u8]) -> Result<(), FolderError> {
        let written = self.disk.create(draft).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync()
        });
        written.map_err(folder::fault("write", draft))
    }

    fn fault(&self, action: &'static str) -> impl FnOnce(io::Error) -> FolderError {
        folder::fault(action, self.folder.path())
    }
}

/// Makes the folder, for this user alone; the data folder is there already.
fn create(folder: &Folder) -> Result<(), FolderError> {
    match DirBuilder::new().mode(0o700).create(folder.path()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(folder::fault("make", folder.path())(error))
        }
        Err(_) => Ok(()),
        Ok(()) => match folder.path().parent() {
            Some(parent) => fs::File::open(parent)
                .and_then(|parent| parent.sync_all())
                .map_err(folder::fault("sync", parent)),
            None => Ok(()),
        },
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
