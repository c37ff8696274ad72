//! The one thread that writes: takes what has gathered, writes it with one call, makes it
//! durable with one fsync, and only then hands out receipts.
//!
//! After any failed write or fsync the segment is given up: cut back to what was known to be
//! good, never written again, and the next group goes to a fresh one. An fsync is never
//! repeated to see whether it works now: the system may have dropped the pages.

use super::disk::SegmentFile;
use super::format::{self, HEADER_LEN, Header, NewRecord};
use super::inbox::{Group, Waiting};
use super::index::Entry;
use super::shared::{Shared, segment_path};
use super::{AppendError, Receipt};
use relink_core::Timestamp;
use relink_core::seal::NonceBytes;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// About how many bytes of old records one group carries along, to free their segment.
const STRAGGLERS_MAX: u64 = 1 << 20;

/// The writer thread's own things.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    /// The folder's lock, held for as long as this thread may write.
    pub(super) lock: File,
    pub(super) next_seq: u64,
    pub(super) next_segment: u64,
    pub(super) active: Option<Active>,
}

/// The segment being written.
pub(super) struct Active {
    number: u64,
    path: PathBuf,
    /// All of it is known to be good.
    len: u64,
    file: Box<dyn SegmentFile>,
}

/// A group as it goes to the disk. Offsets are from its own beginning.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    new: Vec<(Waiting, u64, Placed)>,
    moved: Vec<(u64, Placed)>,
    settled: Vec<u64>,
}

#[derive(Clone, Copy)]
struct Placed {
    offset: u64,
    len: u32,
    at_millis: i64,
}

impl Writer {
    /// Writes until the log is closed and its inbox empty.
    pub(super) fn run(mut self) {
        let mut expected = 0;
        while let Some(group) = self.shared.inbox.take(expected) {
            // Half of the last group: with fewer, the others are most likely on their way.
            expected = group.appends.len() / 2;
            let batch = self.encode(group);
            match self.commit(&batch) {
                Ok(None) => {}
                Ok(Some((segment, base))) => {
                    if !batch.moved.is_empty() {
                        // There may be more to move, and perhaps nothing else to wake for.
                        self.shared.inbox.wake();
                    }
                    self.publish(batch, segment, base);
                }
                Err(error) => self.give_up(batch, error),
            }
            self.delete_what_is_done();
        }
        if let Some(active) = &mut self.active {
            // Only settlements can be unsynced here; losing one costs a replay.
            let _ = active.file.sync();
        }
        // Unlocked by name: a child that is just being started may hold a copy of the file.
        let _ = self.lock.unlock();
    }

    /// Turns a group into bytes; what cannot be written is answered at once.
    fn encode(&mut self, group: Group) -> Batch {
        let shared = Arc::clone(&self.shared);
        let mut batch = Batch { settled: group.settled, ..Batch::default() };
        let low = if group.appends.is_empty() { None } else { shared.disk_low() };
        for waiting in group.appends {
            let encoded = match &low {
                Some(low) => Err(low.clone()),
                None => self.encode_record(&mut batch.bytes, &waiting),
            };
            match encoded {
                Ok((seq, placed)) => batch.new.push((waiting, seq, placed)),
                Err(error) => shared.refuse(waiting, error),
            }
        }
        for (seq, entry, raw) in shared.stragglers(STRAGGLERS_MAX) {
            let offset = len_of(&batch.bytes);
            batch.bytes.extend_from_slice(&raw);
            let placed = Placed { offset, len: entry.len, at_millis: entry.at_millis };
            batch.moved.push((seq, placed));
        }
        if !batch.settled.is_empty() {
            format::put_settled(&mut batch.bytes, batch.settled.clone());
        }
        batch
    }

    fn encode_record(
        &mut self,
        out: &mut Vec<u8>,
        waiting: &Waiting,
    ) -> Result<(u64, Placed), AppendError> {
        let disk = |error: io::Error| AppendError::Disk(Arc::new(error));
        let (seq, offset, at) = (self.next_seq, len_of(out), Timestamp::now().as_millisecond());
        let record = NewRecord {
            seq,
            at_millis: at,
            id: &waiting.id,
            bytes: &waiting.bytes,
            nonce: fresh_nonce().map_err(disk)?,
        };
        format::put_record(out, &self.shared.sealing(), &record)
            .map_err(|error| disk(io::Error::other(error)))?;
        self.next_seq += 1;
        let len = u32::try_from(len_of(out) - offset).unwrap_or(u32::MAX);
        Ok((seq, Placed { offset, len, at_millis: at }))
    }

    /// Writes a batch; where it lies then, or `None` when there was nothing to write. Records
    /// are on stable storage when this returns, settlements need not be.
    fn commit(&mut self, batch: &Batch) -> io::Result<Option<(u64, u64)>> {
        if batch.bytes.is_empty() {
            return Ok(None);
        }
        let full = |active: &Active| active.len >= self.shared.options.segment_bytes;
        if self.active.as_ref().is_none_or(full) {
            self.roll()?;
        }
        let Some(active) = &mut self.active else { return Err(io::Error::other("no segment")) };
        active.file.write_all(&batch.bytes)?;
        if !batch.new.is_empty() || !batch.moved.is_empty() {
            active.file.sync()?;
        }
        let base = active.len;
        active.len += len_of(&batch.bytes);
        Ok(Some((active.number, base)))
    }

    /// Goes on in a new segment.
    fn roll(&mut self) -> io::Result<()> {
        let number = self.next_segment;
        // A number is used once, even if this fails half-way.
        self.next_segment += 1;
        if let Some(mut old) = self.active.take() {
            // Settlements at its end may not be durable yet; losing one costs a replay.
            let _ = old.file.sync();
        }
        let shared = &self.shared;
        let header = Header::new(number, self.next_seq, &shared.sealing(), fresh_nonce()?)
            .map_err(io::Error::other)?;
        let path = segment_path(&shared.options.dir, number);
        let made = self.create(&path, &header).or_else(|error| {
            // A full disk, perhaps full of what is done: that can go first.
            if self.delete_the_last_if_done() { self.create(&path, &header) } else { Err(error) }
        });
        let file = made?;
        let len = u64::try_from(HEADER_LEN).unwrap_or(u64::MAX);
        shared.lock_index().set_segment(number, len);
        self.active = Some(Active { number, path, len, file });
        Ok(())
    }

    fn create(&self, path: &Path, header: &Header) -> io::Result<Box<dyn SegmentFile>> {
        let shared = &self.shared;
        let made = shared.disk.create(path).and_then(|mut file| {
            file.write_all(&header.encode())?;
            shared.disk.sync_dir(&shared.options.dir)?;
            Ok(file)
        });
        made.inspect_err(|_| {
            // A header at most: nothing in it is needed, and a restart would pass over it.
            let _ = fs::remove_file(path);
        })
    }

    /// The newest segment stays as long as a newer one can be made. When none can, it may go: a
    /// crash now would begin with number 1 again, in a folder where nothing speaks of numbers.
    fn delete_the_last_if_done(&self) -> bool {
        let mut index = self.shared.lock_index();
        let Some(number) = index.last_if_done() else { return false };
        let deleted = fs::remove_file(segment_path(&self.shared.options.dir, number)).is_ok();
        if deleted {
            index.remove_segment(number);
            self.shared.used.store(index.used(), Ordering::Relaxed);
        }
        deleted
    }

    /// The records are durable: makes them visible and hands out the receipts.
    fn publish(&self, batch: Batch, segment: u64, base: u64) {
        let shared = &self.shared;
        let entry = |placed: Placed| Entry {
            segment,
            offset: base + placed.offset,
            len: placed.len,
            at_millis: placed.at_millis,
        };
        let mut index = shared.lock_index();
        index.set_segment(segment, base + len_of(&batch.bytes));
        for (_, seq, placed) in &batch.new {
            index.insert(*seq, entry(*placed));
        }
        for (seq, placed) in batch.moved {
            index.relocate(seq, entry(placed));
        }
        shared.used.store(index.used(), Ordering::Relaxed);
        drop(index);

        if let Some((_, newest, _)) = batch.new.last() {
            shared.newest.send_replace(*newest);
        }
        shared.inbox.written(batch.new.iter().map(|(waiting, ..)| waiting.size).sum());
        shared.failures_in_a_row.store(0, Ordering::Relaxed);
        for (waiting, seq, _) in batch.new {
            // Nobody may be waiting any more; the record is stored all the same.
            let _ = waiting.reply.send(Ok(Receipt { seq }));
        }
    }

    /// The write failed: gives the segment up and tells everybody who waited for it.
    fn give_up(&mut self, batch: Batch, error: io::Error) {
        let shared = Arc::clone(&self.shared);
        shared.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
        if let Some(mut active) = self.active.take() {
            shared.poisoned.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                log = %shared.options.name, segment = active.number, records = batch.new.len(),
                error = %error, "write failed: segment given up",
            );
            self.cut(&mut active);
        } else {
            tracing::error!(
                log = %shared.options.name, records = batch.new.len(), error = %error,
                "no new segment can be made",
            );
        }
        let error = Arc::new(error);
        for (waiting, ..) in batch.new {
            shared.refuse(waiting, AppendError::Disk(Arc::clone(&error)));
        }
        shared.inbox.settle_later(batch.settled);
    }

    /// Takes the failed bytes out of the file, or the whole file when it holds nothing else.
    fn cut(&self, active: &mut Active) {
        let mut index = self.shared.lock_index();
        if active.len <= u64::try_from(HEADER_LEN).unwrap_or(0)
            && fs::remove_file(&active.path).is_ok()
        {
            index.remove_segment(active.number);
        } else if active.file.truncate(active.len).is_err() {
            // They may come back after a restart, as records that nobody has a receipt for.
            let len = fs::metadata(&active.path).map_or(active.len, |meta| meta.len());
            index.set_segment(active.number, len);
        }
        self.shared.used.store(index.used(), Ordering::Relaxed);
    }

    /// Deletes the oldest segments for as long as nothing in them is needed.
    fn delete_what_is_done(&self) {
        let shared = &self.shared;
        let mut deleted = false;
        loop {
            let Some(number) = shared.lock_index().disposable() else { break };
            let path = segment_path(&shared.options.dir, number);
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(segment = number, error = %error, "cannot delete a segment");
                    break;
                }
            }
            let mut index = shared.lock_index();
            index.remove_segment(number);
            shared.used.store(index.used(), Ordering::Relaxed);
            deleted = true;
        }
        if deleted {
            // A segment that comes back after a power cut is only replayed again.
            let _ = shared.disk.sync_dir(&shared.options.dir);
        }
    }
}

fn fresh_nonce() -> io::Result<NonceBytes> {
    let mut nonce = NonceBytes::default();
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(nonce)
}

fn len_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
