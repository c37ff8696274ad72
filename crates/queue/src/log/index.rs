//! What is in a log and not yet done, in memory: where each record lies and which segments are
//! still needed. Pure bookkeeping; no I/O.
//!
//! Segments go strictly oldest first. A note that something is done lies in the segment of the
//! record or in a later one, so it can never go before the record it speaks of, and a record
//! that was done cannot come back.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) segment: u64,
    pub(super) offset: u64,
    /// The whole record, in bytes.
    pub(super) len: u32,
    pub(super) at_millis: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Segment {
    /// Records in it that are needed, and stretches that could not be copied elsewhere.
    live: u64,
    /// The file's length in bytes.
    len: u64,
}

/// What is in the log.
#[derive(Debug, Default)]
pub(super) struct Index {
    records: BTreeMap<u64, Entry>,
    segments: BTreeMap<u64, Segment>,
    pending_bytes: u64,
    used: u64,
}

impl Index {
    /// Sets the length of a segment, which is new or has grown or was cut.
    pub(super) fn set_segment(&mut self, number: u64, len: u64) {
        let segment = self.segments.entry(number).or_default();
        self.used = self.used - segment.len + len;
        segment.len = len;
    }

    /// Adds a record, or moves it when it was elsewhere.
    pub(super) fn insert(&mut self, seq: u64, entry: Entry) {
        self.settle(seq);
        self.pin(entry.segment);
        self.pending_bytes += u64::from(entry.len);
        self.records.insert(seq, entry);
    }

    /// Moves a record that is still needed.
    pub(super) fn relocate(&mut self, seq: u64, entry: Entry) {
        if self.records.contains_key(&seq) {
            self.insert(seq, entry);
        }
    }

    /// Takes a record out; whether it was there.
    pub(super) fn settle(&mut self, seq: u64) -> bool {
        let Some(entry) = self.set_aside(seq) else { return false };
        if let Some(segment) = self.segments.get_mut(&entry.segment) {
            segment.live -= 1;
        }
        true
    }

    /// Takes a range of records out, however large the range says it is.
    pub(super) fn settle_range(&mut self, first: u64, count: u64) {
        let end = first.saturating_add(count);
        let seqs: Vec<u64> = self.records.range(first..end).map(|(seq, _)| *seq).collect();
        for seq in seqs {
            self.settle(seq);
        }
    }

    /// Takes a record out, but keeps its segment: the bytes exist nowhere else.
    pub(super) fn set_aside(&mut self, seq: u64) -> Option<Entry> {
        let entry = self.records.remove(&seq)?;
        self.pending_bytes -= u64::from(entry.len);
        Some(entry)
    }

    /// Keeps a segment for the life of this process.
    pub(super) fn pin(&mut self, number: u64) {
        self.segments.entry(number).or_default().live += 1;
    }

    /// Where a record lies.
    pub(super) fn get(&self, seq: u64) -> Option<Entry> {
        self.records.get(&seq).copied()
    }

    /// Records behind `after`, in order: at most `max_n`, and no more than `max_bytes` unless
    /// the first one alone has more.
    pub(super) fn after(&self, after: u64, max_n: usize, max_bytes: usize) -> Vec<(u64, Entry)> {
        let mut left = u64::try_from(max_bytes).unwrap_or(u64::MAX);
        let mut found = Vec::new();
        for (seq, entry) in self.records.range((Bound::Excluded(after), Bound::Unbounded)) {
            let len = u64::from(entry.len);
            if found.len() >= max_n || (len > left && !found.is_empty()) {
                break;
            }
            left = left.saturating_sub(len);
            found.push((*seq, *entry));
        }
        found
    }

    /// The oldest segment if nothing in it is needed. The newest one always stays: its header
    /// says where the numbers go on.
    pub(super) fn disposable(&self) -> Option<u64> {
        let (number, segment) = self.segments.first_key_value()?;
        (segment.live == 0 && self.segments.len() > 1).then_some(*number)
    }

    /// The only segment if nothing in it is needed.
    pub(super) fn last_if_done(&self) -> Option<u64> {
        let (number, segment) = self.segments.first_key_value()?;
        (segment.live == 0 && self.segments.len() == 1).then_some(*number)
    }

    /// Forgets a segment whose file is gone.
    pub(super) fn remove_segment(&mut self, number: u64) {
        if let Some(segment) = self.segments.remove(&number) {
            self.used -= segment.len;
        }
    }

    /// Records of the oldest segment to write again behind the newest, when most of the log is
    /// kept only because that segment cannot go: about `max_bytes` of them, none otherwise.
    pub(super) fn stragglers(&self, segment_bytes: u64, max_bytes: u64) -> Vec<(u64, Entry)> {
        let Some((oldest, segment)) = self.segments.first_key_value() else { return Vec::new() };
        let mostly_done = self.used > 4 * segment_bytes && self.pending_bytes < self.used / 2;
        if !mostly_done || self.segments.len() < 2 || segment.live == 0 {
            return Vec::new();
        }
        let (mut left, mut found) = (max_bytes, Vec::new());
        for (seq, entry) in self.records.iter().filter(|(_, entry)| entry.segment == *oldest) {
            let len = u64::from(entry.len);
            if len > left && !found.is_empty() {
                break;
            }
            left = left.saturating_sub(len);
            found.push((*seq, *entry));
        }
        found
    }

    pub(super) fn pending(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn pending_bytes(&self) -> u64 {
        self.pending_bytes
    }

    /// Bytes of all segments.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// When the oldest record was appended.
    pub(super) fn oldest_millis(&self) -> Option<i64> {
        self.records.first_key_value().map(|(_, entry)| entry.at_millis)
    }
}
