//! How an embedded queue stands, seen from beside the process that has it open.

use crate::QueueError;
use crate::log::{LogPeek, peek};
use relink_core::wire::Topic;
use std::io;
use std::path::Path;

/// What waits in an embedded queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmbeddedPeek {
    /// Each topic; empty when there is no queue.
    pub topics: Vec<(Topic, LogPeek)>,
    /// Dead letters.
    pub dead: u64,
}

/// Looks at the queue under `data_dir`, changing nothing.
///
/// # Errors
/// [`QueueError::Disk`] when its folders cannot be read.
pub fn peek_embedded(data_dir: &Path) -> Result<EmbeddedPeek, QueueError> {
    let root = data_dir.join("queue");
    let disk =
        |dir: &Path, why: String| QueueError::Disk { folder: dir.display().to_string(), why };
    let mut found = EmbeddedPeek::default();
    for topic in Topic::ALL {
        let dir = root.join(topic.as_str());
        let looked = peek(&dir).map_err(|error| disk(&dir, error.to_string()))?;
        found.topics.extend(looked.map(|looked| (*topic, looked)));
    }
    let dead = root.join("dead");
    match std::fs::read_dir(&dead) {
        Ok(entries) => {
            let letters = entries.filter_map(Result::ok).filter(|entry| {
                entry.path().extension().is_some_and(|extension| extension == "json")
            });
            found.dead = u64::try_from(letters.count()).unwrap_or(u64::MAX);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(disk(&dead, error.to_string())),
    }
    Ok(found)
}
