//! What a log is made of after a restart: reads every segment, oldest first, and rebuilds the
//! index. Changes no segment. Damage is copied to the quarantine and passed over; only a wrong
//! key, a newer format or a disk that cannot be read stop it.

use super::LogError;
use super::format::{self, Content, Found, Frame, HEADER_LEN, Header, Sealing};
use super::index::{Entry, Index};
use super::quarantine::Quarantine;
use super::shared::segment_path;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// A log as it was found.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) index: Index,
    /// The number that the next record gets.
    pub(super) next_seq: u64,
    /// The number that the next segment gets.
    pub(super) next_segment: u64,
    /// Unfinished ends of segments.
    pub(super) torn: u64,
}

/// Reads the log in `dir`.
pub(super) fn replay(
    dir: &Path,
    seal: &Sealing<'_>,
    quarantine: &Quarantine,
) -> Result<Replayed, LogError> {
    let mut log = Replayed { next_seq: 1, next_segment: 1, ..Replayed::default() };
    for number in segments(dir)? {
        let path = segment_path(dir, number);
        let bytes = fs::read(&path).map_err(LogError::io("read", &path))?;
        log.next_segment = log.next_segment.max(number.saturating_add(1));
        log.index.set_segment(number, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let keep = |log: &mut Replayed, range: Range<usize>| {
            set_aside(log, quarantine, number, &bytes, range);
        };
        match Header::parse(&bytes) {
            Some(header) if header.version > format::VERSION => {
                return Err(LogError::Newer { segment: path, version: header.version });
            }
            Some(header) if !seal.fits(&header) => {
                return Err(LogError::WrongKey { segment: path, key: seal.key.id().to_owned() });
            }
            Some(header) => log.next_seq = log.next_seq.max(header.next_seq),
            None if bytes.len() < HEADER_LEN || bytes.iter().all(|byte| *byte == 0) => {
                log.torn += 1;
                continue;
            }
            None => keep(&mut log, 0..HEADER_LEN),
        }
        for found in format::scan(&bytes) {
            match found {
                Found::Whole(offset, frame) => log.take_in(number, offset, &frame),
                Found::Damaged(range) => keep(&mut log, range),
                Found::Torn(_) => log.torn += 1,
            }
        }
    }
    Ok(log)
}

impl Replayed {
    fn take_in(&mut self, segment: u64, offset: usize, frame: &Frame<'_>) {
        match &frame.content {
            Content::Sealed(_) => {
                self.next_seq = self.next_seq.max(frame.seq.saturating_add(1));
                let entry = Entry {
                    segment,
                    offset: u64::try_from(offset).unwrap_or(u64::MAX),
                    len: u32::try_from(frame.len).unwrap_or(u32::MAX),
                    at_millis: frame.at_millis,
                };
                self.index.insert(frame.seq, entry);
            }
            Content::Settled(ranges) => {
                for (first, count) in ranges {
                    self.next_seq = self.next_seq.max(first.saturating_add(*count));
                    self.index.settle_range(*first, *count);
                }
            }
        }
    }
}

/// The numbers of the segments in `dir`, oldest first.
pub(super) fn segments(dir: &Path) -> Result<Vec<u64>, LogError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(LogError::io("list", dir))? {
        let name = entry.map_err(LogError::io("list", dir))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn set_aside(log: &mut Replayed, to: &Quarantine, segment: u64, bytes: &[u8], at: Range<usize>) {
    let offset = u64::try_from(at.start).unwrap_or(u64::MAX);
    let damaged = bytes.get(at).unwrap_or_default();
    match to.keep(segment, offset, damaged) {
        Ok(true) => {
            tracing::error!(segment, offset, bytes = damaged.len(), "damaged bytes set aside");
        }
        Ok(false) => {}
        Err(error) => {
            // The only copy is the segment itself, so it must stay.
            tracing::error!(segment, offset, error = %error, "damaged bytes cannot be set aside");
            log.index.pin(segment);
        }
    }
}
