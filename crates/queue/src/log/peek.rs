//! How a log stands, seen from beside the process that has it open: without its lock, without
//! its key, changing nothing. What is being written or settled at this moment may be counted
//! either way.

use super::LogError;
use super::format::{self, Content, Found, HEADER_LEN};
use super::replay::segments;
use super::shared::segment_path;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// How a log stands, as its files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogPeek {
    /// Records not settled.
    pub pending: u64,
    /// Bytes of all segments.
    pub used_bytes: u64,
}

/// Looks at the log in `dir`; `None` when there is none. Holds one segment and the numbers of
/// what is pending in memory.
///
/// # Errors
/// [`LogError::Io`] when the folder cannot be read.
pub fn peek(dir: &Path) -> Result<Option<LogPeek>, LogError> {
    if !dir.try_exists().map_err(LogError::io("look at", dir))? {
        return Ok(None);
    }
    let (mut pending, mut used_bytes) = (BTreeSet::new(), 0_u64);
    for number in segments(dir)? {
        let path = segment_path(dir, number);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            // Its owner removed it since: everything in it is done.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        used_bytes = used_bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if bytes.len() >= HEADER_LEN {
            take_in(&bytes, &mut pending);
        }
    }
    Ok(Some(LogPeek { pending: u64::try_from(pending.len()).unwrap_or(u64::MAX), used_bytes }))
}

fn take_in(bytes: &[u8], pending: &mut BTreeSet<u64>) {
    for found in format::scan(bytes) {
        let Found::Whole(_, frame) = found else { continue };
        match frame.content {
            Content::Sealed(_) => drop(pending.insert(frame.seq)),
            Content::Settled(ranges) => {
                for (first, count) in ranges {
                    let end = first.saturating_add(count);
                    let done: Vec<u64> = pending.range(first..end).copied().collect();
                    for seq in done {
                        pending.remove(&seq);
                    }
                }
            }
        }
    }
}
