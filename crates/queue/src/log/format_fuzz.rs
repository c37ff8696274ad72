//! Whole segments, damaged: no record is ever made up, and what lies before the damage is read.

use super::tests::{bodies, key, segment};
use super::*;
use relink_fuzz::Target;

/// A segment as it was written: its bodies, its bytes, and where each record lies.
type Written = (Vec<Vec<u8>>, Vec<u8>, Vec<Range<usize>>);

/// The segments of the corpus.
fn written() -> Vec<Written> {
    let all = [vec![b"one".to_vec(), b"two".to_vec(), Vec::new()], bodies(12), Vec::new()];
    let made = all.map(|bodies| {
        let (bytes, places) = segment(&key(), &bodies);
        (bodies, bytes, places)
    });
    made.into()
}

/// Records of a segment as far as they open.
fn read(bytes: &[u8]) -> Vec<(u64, String, Bytes)> {
    let (key, mut next, mut found) = (key(), HEADER_LEN, Vec::new());
    for stretch in scan(bytes) {
        let (from, to) = match stretch {
            Found::Whole(from, frame) => {
                if let Content::Sealed(body) = frame.content {
                    let opened = Sealing { key: &key, log: "spool" }.open(frame.seq, body);
                    found.extend(opened.map(|(id, bytes)| (frame.seq, id, bytes)));
                }
                (from, from + frame.len)
            }
            Found::Damaged(range) | Found::Torn(range) => (range.start, range.end),
        };
        assert!(from == next && to > from, "nothing is passed over and nothing read twice");
        next = to;
    }
    assert_eq!(next, bytes.len().max(HEADER_LEN));
    found
}

#[test]
fn spool_segments() {
    let written = written();
    let words: &[&[u8]] = &[&MARKER, MAGIC, &[0; 40], &[1, 0, 0, 0], &[255; 8], &[2]];
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "segment");
    target.words(words).rounds(3_000).run(|bytes, _| {
        let found = read(bytes);
        for (seq, id, body) in &found {
            assert_eq!(id, &format!("evt-{seq}"));
            let at = usize::try_from(*seq).unwrap() - 1;
            let known = written.iter().filter_map(|(bodies, ..)| bodies.get(at));
            assert!(known.into_iter().any(|known| known == body), "record {seq} was never written");
        }
        for (_, original, places) in &written {
            let same = original.iter().zip(bytes).take_while(|(one, other)| one == other).count();
            for (seq, place) in (1..).zip(places) {
                let read = found.iter().any(|(read, ..)| *read == seq);
                assert!(read || place.end > same, "record {seq} lies before the damage at {same}");
            }
        }
        if let Some(header) = Header::parse(bytes) {
            assert_eq!((header.version, header.segment, header.next_seq), (VERSION, 9, 1));
        }
    });
}

/// The corpus holds what [`written`] says: otherwise the target would prove nothing.
#[test]
fn the_kept_segments_are_the_ones_that_were_written() {
    for (name, (_, bytes, _)) in ["three-records", "twelve-records", "header"].iter().zip(written())
    {
        let path = format!("{}/corpus/segment/{name}", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(std::fs::read(path).unwrap(), bytes, "{name}");
    }
}
