//! The bytes of a segment, and nothing but bytes: encoding, and a scan that finds every whole
//! record in a file whatever has happened to the rest of it. Pinned by a golden test; a change
//! here needs a new [`VERSION`] and a reader for the old one. All numbers are little-endian.

use bytes::Bytes;
use relink_core::seal::{NonceBytes, SealError, SealKey};
use std::ops::Range;

/// The newest format that this release writes and reads.
pub(crate) const VERSION: u32 = 1;
/// Magic, version, segment number, next sequence number, key check, CRC.
pub(super) const HEADER_LEN: usize = 8 + 4 + 8 + 8 + KEY_CHECK_LEN + 4;
/// Marker, length of the body, CRC, kind, sequence number, time.
pub(super) const HEAD_LEN: usize = 4 + 4 + 4 + 1 + 8 + 8;
/// What sealing adds (nonce and tag) and the length of the id.
pub(super) const BODY_OVERHEAD: usize = 12 + 16 + 2;

const MAGIC: &[u8; 8] = b"RLKSEGMT";
/// Begins every record, so that a reader can find the next one behind a damaged length.
const MARKER: [u8; 4] = [0xC9, b'r', b'l', b'k'];
/// An empty text, sealed: nonce and tag. Tells a wrong key from damaged records.
const KEY_CHECK_LEN: usize = 12 + 16;
const KIND_RECORD: u8 = 1;
const KIND_SETTLED: u8 = 2;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) segment: u64,
    /// No record of this or a later segment was first written with a lower number.
    pub(super) next_seq: u64,
    pub(super) key_check: [u8; KEY_CHECK_LEN],
}

impl Header {
    pub(super) fn new(
        segment: u64,
        next_seq: u64,
        seal: &Sealing<'_>,
        nonce: NonceBytes,
    ) -> Result<Self, SealError> {
        let sealed = seal.key.seal(nonce, &seal.key_check_place(), b"")?;
        let key_check = sealed.as_slice().try_into().map_err(|_| SealError::BadKey)?;
        Ok(Self { version: VERSION, segment, next_seq, key_check })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.next_seq.to_le_bytes());
        out.extend_from_slice(&self.key_check);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None` when the bytes are not a whole, undamaged header.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (checked, rest) = bytes.split_at_checked(HEADER_LEN - 4)?;
        let (crc, _) = rest.split_first_chunk()?;
        if crc32fast::hash(checked) != u32::from_le_bytes(*crc) {
            return None;
        }
        let rest = checked.strip_prefix(MAGIC)?;
        let (version, rest) = rest.split_first_chunk()?;
        let (segment, rest) = rest.split_first_chunk()?;
        let (next_seq, rest) = rest.split_first_chunk()?;
        Some(Self {
            version: u32::from_le_bytes(*version),
            segment: u64::from_le_bytes(*segment),
            next_seq: u64::from_le_bytes(*next_seq),
            key_check: rest.try_into().ok()?,
        })
    }
}

/// A key and the log it seals for. A record that is moved to another log, or given another
/// number, does not open any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealing<'a> {
    pub(super) key: &'a SealKey,
    pub(super) log: &'a str,
}

impl Sealing<'_> {
    fn place(&self, seq: u64) -> Vec<u8> {
        let mut place = Vec::with_capacity(self.log.len() + 9);
        place.extend_from_slice(self.log.as_bytes());
        place.push(0);
        place.extend_from_slice(&seq.to_le_bytes());
        place
    }

    /// Record 0 does not exist, so its place is free for the key check.
    fn key_check_place(&self) -> Vec<u8> {
        self.place(0)
    }

    pub(super) fn fits(&self, header: &Header) -> bool {
        self.key.open(&self.key_check_place(), &header.key_check).is_ok()
    }

    /// The id and bytes of a record, or `None` when they do not open.
    pub(super) fn open(&self, seq: u64, body: &[u8]) -> Option<(String, Bytes)> {
        let plain = Bytes::from(self.key.open(&self.place(seq), body).ok()?);
        let (len, _) = plain.split_first_chunk()?;
        let id_end = 2 + usize::from(u16::from_le_bytes(*len));
        let id = std::str::from_utf8(plain.get(2..id_end)?).ok()?.to_owned();
        Some((id, plain.slice(id_end..)))
    }
}

/// A record about to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRecord<'a> {
    pub(super) seq: u64,
    pub(super) at_millis: i64,
    pub(super) id: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) nonce: NonceBytes,
}

/// The bytes a record takes up in a segment.
pub(super) fn size_on_disk(id: &str, bytes: &[u8]) -> usize {
    HEAD_LEN + BODY_OVERHEAD + id.len() + bytes.len()
}

/// Appends a sealed record to `out`.
pub(super) fn put_record(
    out: &mut Vec<u8>,
    seal: &Sealing<'_>,
    record: &NewRecord<'_>,
) -> Result<(), SealError> {
    let mut plain = Vec::with_capacity(2 + record.id.len() + record.bytes.len());
    // Longer ids were refused at the door.
    let id_len = u16::try_from(record.id.len()).unwrap_or(u16::MAX);
    plain.extend_from_slice(&id_len.to_le_bytes());
    plain.extend_from_slice(record.id.as_bytes());
    plain.extend_from_slice(record.bytes);
    let body = seal.key.seal(record.nonce, &seal.place(record.seq), &plain)?;
    put(out, KIND_RECORD, record.seq, record.at_millis, &body);
    Ok(())
}

/// Appends the note that `seqs` (sorted here) are done.
pub(super) fn put_settled(out: &mut Vec<u8>, mut seqs: Vec<u64>) {
    seqs.sort_unstable();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for seq in seqs {
        match ranges.last_mut() {
            Some((first, count)) if *first + *count == seq => *count += 1,
            Some((first, count)) if *first + *count > seq => {}
            Some(_) | None => ranges.push((seq, 1)),
        }
    }
    let mut body = Vec::with_capacity(ranges.len() * 16);
    for (first, count) in ranges {
        body.extend_from_slice(&first.to_le_bytes());
        body.extend_from_slice(&count.to_le_bytes());
    }
    put(out, KIND_SETTLED, 0, 0, &body);
}

fn put(out: &mut Vec<u8>, kind: u8, seq: u64, at_millis: i64, body: &[u8]) {
    // A body is far below 4 GiB: records and groups are capped.
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut crc = crc32fast::Hasher::new();
    let (kind, seq, at) = ([kind], seq.to_le_bytes(), at_millis.to_le_bytes());
    for part in [&len[..], &kind, &seq, &at, body] {
        crc.update(part);
    }
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&len);
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    for part in [&kind[..], &seq, &at, body] {
        out.extend_from_slice(part);
    }
}

/// A whole record found in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) seq: u64,
    pub(super) at_millis: i64,
    /// Marker, head and body, in bytes.
    pub(super) len: usize,
    pub(super) content: Content<'a>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// A sealed record.
    Sealed(&'a [u8]),
    /// First number and count, each range not empty.
    Settled(Vec<(u64, u64)>),
}

/// The record at the beginning of `bytes`, if one is there, whole and undamaged.
pub(super) fn parse(bytes: &[u8]) -> Option<Frame<'_>> {
    let rest = bytes.strip_prefix(&MARKER)?;
    let (len, rest) = rest.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let body_len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let checked = rest.get(..(HEAD_LEN - 12).checked_add(body_len)?)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(len);
    hasher.update(checked);
    if hasher.finalize() != u32::from_le_bytes(*crc) {
        return None;
    }
    let ([kind], rest) = checked.split_first_chunk()?;
    let (seq, rest) = rest.split_first_chunk()?;
    let (at, body) = rest.split_first_chunk()?;
    let content = match *kind {
        KIND_RECORD => Content::Sealed(body),
        KIND_SETTLED => Content::Settled(parse_ranges(body)?),
        _ => return None,
    };
    Some(Frame {
        seq: u64::from_le_bytes(*seq),
        at_millis: i64::from_le_bytes(*at),
        len: HEAD_LEN + body_len,
        content,
    })
}

fn parse_ranges(mut body: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut ranges = Vec::with_capacity(body.len() / 16);
    while !body.is_empty() {
        let (first, rest) = body.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        ranges.push((u64::from_le_bytes(*first), u64::from_le_bytes(*count)));
        body = rest;
    }
    Some(ranges)
}

/// One stretch of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A whole record and where it begins.
    Whole(usize, Frame<'a>),
    /// Bytes that are not a record although whole records may follow.
    Damaged(Range<usize>),
    /// The unfinished end of a file whose writer died. Nobody holds a receipt for it.
    Torn(Range<usize>),
}

/// Every whole record behind the header, and what lies between them.
pub(super) fn scan(bytes: &[u8]) -> impl Iterator<Item = Found<'_>> {
    let mut at = HEADER_LEN;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let from = at;
        if let Some(frame) = parse(rest) {
            at += frame.len;
            return Some(Found::Whole(from, frame));
        }
        let Some(skip) = next_whole(rest) else {
            at = bytes.len();
            let torn = is_unfinished(rest);
            return Some(if torn { Found::Torn(from..at) } else { Found::Damaged(from..at) });
        };
        at += skip;
        Some(Found::Damaged(from..at))
    })
}

/// How far behind the beginning of `bytes` the next whole record begins.
fn next_whole(bytes: &[u8]) -> Option<usize> {
    let starts = bytes.windows(MARKER.len()).enumerate().skip(1);
    starts
        .filter(|(_, window)| *window == MARKER)
        .map(|(at, _)| at)
        .find(|at| bytes.get(*at..).and_then(parse).is_some())
}

/// Whether this is what a crash leaves at the end of a file: zeros, or a record cut short.
fn is_unfinished(tail: &[u8]) -> bool {
    if tail.iter().all(|byte| *byte == 0) {
        return true;
    }
    let marker = MARKER.get(..tail.len().min(MARKER.len())).unwrap_or(&MARKER);
    if !tail.starts_with(marker) {
        return false;
    }
    let len = tail.get(4..8).and_then(|len| len.first_chunk()).map(|len| u32::from_le_bytes(*len));
    match len.and_then(|len| usize::try_from(len).ok()) {
        Some(len) => tail.len().saturating_sub(HEAD_LEN) < len || tail.len() < HEAD_LEN,
        None => true,
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "format_fuzz.rs"]
mod fuzz;
