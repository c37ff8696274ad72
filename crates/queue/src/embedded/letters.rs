//! The dead letters of the embedded queue: one file each, so that another process can list,
//! discard and replay them while the queue runs. A letter is complete and durable before its
//! name appears, its body sealed like every body at rest. Replay hands the file to the running
//! queue by a rename; it is deleted once the message is in its topic's log again.

use super::letter_file::{self, Opened};
use crate::log::disk::{Disk, RealDisk, create_dir};
use crate::{DeadLetter, DeadLetters, DeadReason, QueueError};
use bytes::Bytes;
use relink_core::Timestamp;
use relink_core::seal::SealKey;
use relink_core::trace::TraceContext;
use relink_core::wire::Topic;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;
use uuid::Uuid;

/// A message about to be buried.
#[derive(Debug)]
pub(super) struct NewLetter {
    pub(super) topic: Topic,
    pub(super) message_id: String,
    pub(super) reason: DeadReason,
    pub(super) trace: Option<TraceContext>,
    pub(super) body: Bytes,
}

/// The dead letters in a data folder, from within the running queue or beside it.
#[derive(Debug, Clone)]
pub struct EmbeddedDeadLetters {
    dead: PathBuf,
    replay: PathBuf,
    key: SealKey,
    /// Tells the queue, when it is in this process, that there is a letter to replay.
    pub(super) handed_over: Arc<Notify>,
}

impl EmbeddedDeadLetters {
    /// The letters under `data_dir`, whether or not a queue runs there. Touches nothing yet.
    pub fn at(data_dir: &Path, key: SealKey) -> Self {
        let queue = data_dir.join("queue");
        Self {
            dead: queue.join("dead"),
            replay: queue.join("replay"),
            key,
            handed_over: Arc::default(),
        }
    }

    /// Makes the folders, and removes what a crash left half-written. Only for the queue itself.
    pub(super) fn prepare(&self) -> Result<(), QueueError> {
        for dir in [&self.dead, &self.replay] {
            create_dir(dir).map_err(|error| disk(dir, &error))?;
        }
        for path in files(&self.dead, "draft")? {
            fs::remove_file(&path).map_err(|error| disk(&path, &error))?;
        }
        Ok(())
    }

    /// Keeps a message for good; the id of its letter. Durable when this returns.
    pub(super) async fn bury(&self, letter: NewLetter) -> Result<Uuid, QueueError> {
        self.blocking(move |letters| {
            // Version 7: the order of names is the order of time.
            let id = Uuid::now_v7();
            let text = letter_file::encode(&letters.key, id, &letter, Timestamp::now())
                .map_err(|error| disk(&letters.dead, &error))?;
            let path = letters.dead.join(format!("{id}.json"));
            write_new(&path, &text).map_err(|error| disk(&path, &error))?;
            Ok(id)
        })
        .await
    }

    /// The letters that wait to be appended to their topics again, oldest first.
    pub(super) async fn to_replay(&self) -> Result<Vec<(Uuid, Opened)>, QueueError> {
        self.blocking(|letters| {
            let mut found = Vec::new();
            for path in files(&letters.replay, "json")? {
                match (id_of(&path), letters.open(&path)) {
                    (Some(id), Ok(opened)) => found.push((id, opened)),
                    (None, _) | (Some(_), Err(_)) => letters.take_back(&path)?,
                }
            }
            Ok(found)
        })
        .await
    }

    /// The message of this letter is in its topic's log.
    pub(super) async fn replayed(&self, id: Uuid) -> Result<(), QueueError> {
        self.blocking(move |letters| letters.remove(&letters.replay, id)).await
    }

    /// Damaged after it was handed over: back to where an operator sees it.
    fn take_back(&self, path: &Path) -> Result<(), QueueError> {
        tracing::error!(file = %path.display(), "a letter to replay cannot be read");
        let back = self.dead.join(path.file_name().unwrap_or_default());
        fs::rename(path, back).map_err(|error| disk(path, &error))
    }

    fn open(&self, path: &Path) -> Result<Opened, QueueError> {
        let text = fs::read(path).map_err(|error| self.missing_or_disk(path, &error))?;
        let id = id_of(path).ok_or_else(|| QueueError::NoSuchLetter(name_of(path)))?;
        letter_file::decode(&self.key, id, &text).map_err(|error| disk(path, &error))
    }

    fn missing_or_disk(&self, path: &Path, error: &io::Error) -> QueueError {
        if error.kind() == io::ErrorKind::NotFound {
            QueueError::NoSuchLetter(name_of(path))
        } else {
            disk(path, error)
        }
    }

    fn remove(&self, dir: &Path, id: Uuid) -> Result<(), QueueError> {
        let path = dir.join(format!("{id}.json"));
        fs::remove_file(&path).map_err(|error| self.missing_or_disk(&path, &error))?;
        RealDisk.sync_dir(dir).map_err(|error| disk(dir, &error))
    }

    fn show(&self, path: &Path) -> DeadLetter {
        let id = name_of(path);
        match self.open(path) {
            Ok(opened) => DeadLetter {
                id,
                topic: Some(opened.topic),
                message_id: opened.message_id,
                reason: opened.reason,
                died_at: Some(opened.died_at),
                body: opened.body,
                trace: opened.trace,
                auto_replayed: false,
            },
            // Shown all the same, with the bytes there are: an operator must get to know of it.
            Err(error) => DeadLetter {
                id,
                topic: None,
                message_id: String::new(),
                reason: format!("unreadable ({error})"),
                died_at: None,
                body: fs::read(path).unwrap_or_default().into(),
                trace: None,
                auto_replayed: false,
            },
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        let letters = self.clone();
        tokio::task::spawn_blocking(move || work(&letters))
            .await
            .map_err(|error| disk(&self.dead, &error))?
    }
}

#[async_trait::async_trait]
impl DeadLetters for EmbeddedDeadLetters {
    async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        self.blocking(move |letters| {
            let oldest = files(&letters.dead, "json")?.into_iter().take(limit);
            // One that is discarded or replayed meanwhile is simply not there.
            Ok(oldest.filter(|path| path.exists()).map(|path| letters.show(&path)).collect())
        })
        .await
    }

    async fn count(&self) -> Result<u64, QueueError> {
        self.blocking(|letters| {
            Ok(u64::try_from(files(&letters.dead, "json")?.len()).unwrap_or(u64::MAX))
        })
        .await
    }

    /// Hands the letter over to the queue that runs on this folder, which appends it within
    /// about a second; if none runs, the next one does so at its start.
    async fn replay(&self, id: &str) -> Result<(), QueueError> {
        let id = known(id)?;
        self.blocking(move |letters| {
            let from = letters.dead.join(format!("{id}.json"));
            // What cannot be read cannot be replayed, and must stay in sight.
            letters.open(&from)?;
            create_dir(&letters.replay).map_err(|error| disk(&letters.replay, &error))?;
            let to = letters.replay.join(format!("{id}.json"));
            fs::rename(&from, to).map_err(|error| letters.missing_or_disk(&from, &error))?;
            for dir in [&letters.replay, &letters.dead] {
                RealDisk.sync_dir(dir).map_err(|error| disk(dir, &error))?;
            }
            letters.handed_over.notify_one();
            Ok(())
        })
        .await
    }

    async fn discard(&self, id: &str) -> Result<(), QueueError> {
        let id = known(id)?;
        self.blocking(move |letters| letters.remove(&letters.dead, id)).await
    }
}

/// Only a UUID names a letter; nothing an operator types can lead out of the folder.
fn known(id: &str) -> Result<Uuid, QueueError> {
    Uuid::try_parse(id).map_err(|_| QueueError::NoSuchLetter(id.to_owned()))
}

fn id_of(path: &Path) -> Option<Uuid> {
    Uuid::try_parse(&name_of(path)).ok()
}

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files in `dir` with this extension, by name; none when there is no such folder.
fn files(dir: &Path, extension: &str) -> Result<Vec<PathBuf>, QueueError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(disk(dir, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| disk(dir, &error))?.path();
        if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    RealDisk.sync_dir(path.parent().unwrap_or(Path::new(".")))
}

fn disk(place: &Path, error: &dyn std::error::Error) -> QueueError {
    QueueError::Disk { folder: place.display().to_string(), why: super::topic::chain(error) }
}
