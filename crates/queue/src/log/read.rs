//! Reading records back. A record that is damaged where it lies is set aside and counted, and
//! the reader goes on with the next; a disk that cannot be read is an error.

use super::format::{self, Content, Frame};
use super::index::Entry;
use super::shared::{Shared, segment_path};
use super::{LogError, Record};
use relink_core::time::from_millis;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

impl Shared {
    /// Up to `max_n` records behind `after`, in order, no more than about `max_bytes`.
    pub(super) fn read_after(
        &self,
        mut after: u64,
        max_n: usize,
        max_bytes: usize,
    ) -> Result<Vec<Record>, LogError> {
        let (mut found, mut open) = (Vec::new(), None);
        loop {
            let wanted = self.lock_index().after(after, max_n, max_bytes);
            let Some((last, _)) = wanted.last() else { return Ok(found) };
            after = *last;
            for (seq, entry) in wanted {
                match self.read_at(seq, entry, &mut open) {
                    Ok(record) => found.extend(record),
                    Err(error) if found.is_empty() => return Err(error),
                    // What was read is handed over first; the fault shows on the next call.
                    Err(_) => return Ok(found),
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// The record with this number, unless it is done or damaged.
    pub(super) fn read_one(&self, seq: u64) -> Result<Option<Record>, LogError> {
        let entry = self.lock_index().get(seq);
        entry.map_or(Ok(None), |entry| self.read_at(seq, entry, &mut None))
    }

    /// Records of the oldest segment as they lie there, to be written again.
    pub(super) fn stragglers(&self, max_bytes: u64) -> Vec<(u64, Entry, Vec<u8>)> {
        let wanted = self.lock_index().stragglers(self.options.segment_bytes, max_bytes);
        let (mut found, mut open) = (Vec::new(), None);
        for (seq, entry) in wanted {
            match self.raw(seq, entry, &mut open) {
                Ok(Some(raw)) if sealed_body(&raw, seq).is_some() => found.push((seq, entry, raw)),
                Ok(Some(raw)) => self.set_aside(seq, entry, &raw),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(log = %self.options.name, error = %error, "cannot move a record");
                    break;
                }
            }
        }
        found
    }

    fn read_at(&self, seq: u64, entry: Entry, open: &mut Open) -> Result<Option<Record>, LogError> {
        let Some(raw) = self.raw(seq, entry, open)? else { return Ok(None) };
        let opened = sealed_body(&raw, seq).and_then(|body| self.sealing().open(seq, body));
        let Some((id, bytes)) = opened else {
            self.set_aside(seq, entry, &raw);
            return Ok(None);
        };
        Ok(Some(Record { seq, id, bytes, appended_at: from_millis(entry.at_millis) }))
    }

    /// The bytes of a record; `None` when it was settled meanwhile. Less than the whole record
    /// when the file has become shorter.
    fn raw(
        &self,
        seq: u64,
        mut entry: Entry,
        open: &mut Open,
    ) -> Result<Option<Vec<u8>>, LogError> {
        loop {
            let path = segment_path(&self.options.dir, entry.segment);
            let file = match open.take().filter(|(segment, _)| *segment == entry.segment) {
                Some((_, file)) => Ok(file),
                None => File::open(&path),
            };
            match file {
                Ok(file) => {
                    let raw = read_up_to(&file, entry).map_err(LogError::io("read", &path))?;
                    *open = Some((entry.segment, file));
                    return Ok(Some(raw));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // Segments go when their records are done or written again elsewhere.
                    match self.lock_index().get(seq) {
                        None => return Ok(None),
                        Some(now) if now.segment != entry.segment => entry = now,
                        Some(_) => return Err(LogError::io("open", &path)(error)),
                    }
                }
                Err(error) => return Err(LogError::io("open", &path)(error)),
            }
        }
    }

    /// Takes a damaged record out of the log without losing its bytes.
    fn set_aside(&self, seq: u64, entry: Entry, raw: &[u8]) {
        tracing::error!(
            log = %self.options.name, segment = entry.segment, offset = entry.offset, seq,
            "damaged record set aside",
        );
        match self.quarantine.keep(entry.segment, entry.offset, raw) {
            Ok(new) => {
                self.quarantined.fetch_add(u64::from(new), Ordering::Relaxed);
                self.settle(seq);
            }
            Err(error) => {
                tracing::error!(error = %error, "its bytes cannot be copied: its segment stays");
                self.quarantined.fetch_add(1, Ordering::Relaxed);
                self.lock_index().set_aside(seq);
            }
        }
    }
}

/// The segment that was read last.
type Open = Option<(u64, File)>;

fn sealed_body(raw: &[u8], seq: u64) -> Option<&[u8]> {
    match format::parse(raw)? {
        Frame { seq: found, content: Content::Sealed(body), .. } if found == seq => Some(body),
        Frame { content: Content::Sealed(_) | Content::Settled(_), .. } => None,
    }
}

fn read_up_to(file: &File, entry: Entry) -> io::Result<Vec<u8>> {
    let mut raw = vec![0; usize::try_from(entry.len).unwrap_or(usize::MAX)];
    match file.read_exact_at(&mut raw, entry.offset) {
        Ok(()) => Ok(raw),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let len = file.metadata()?.len().saturating_sub(entry.offset);
            raw.truncate(usize::try_from(len).unwrap_or(usize::MAX));
            Ok(raw)
        }
        Err(error) => Err(error),
    }
}
