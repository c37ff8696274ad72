//! The bytes of a segment: pinned, and cut, flipped and overwritten in every way.

use super::*;
use proptest::prelude::*;
use relink_core::seal::KEY_LEN;

pub(super) fn key() -> SealKey {
    SealKey::from_bytes("test", &[7; KEY_LEN]).unwrap()
}

/// A segment with these bodies as records 1, 2, 3…, a settled note in the middle, and where
/// each record begins and ends.
pub(super) fn segment(key: &SealKey, bodies: &[Vec<u8>]) -> (Vec<u8>, Vec<Range<usize>>) {
    let seal = Sealing { key, log: "spool" };
    let mut bytes = Header::new(9, 1, &seal, [1; 12]).unwrap().encode();
    let mut places = Vec::new();
    for (seq, body) in (1..).zip(bodies) {
        if seq == 3 {
            put_settled(&mut bytes, vec![100]);
        }
        let from = bytes.len();
        let id = format!("evt-{seq}");
        let nonce = [u8::try_from(seq % 251).unwrap(); 12];
        let record = NewRecord { seq, at_millis: 1_761_057_000_000, id: &id, bytes: body, nonce };
        put_record(&mut bytes, &seal, &record).unwrap();
        places.push(from..bytes.len());
    }
    (bytes, places)
}

/// The numbers of all records that are found whole and open to what they should be.
fn readable(key: &SealKey, bytes: &[u8], bodies: &[Vec<u8>]) -> Vec<u64> {
    let seal = Sealing { key, log: "spool" };
    let mut found = Vec::new();
    for stretch in scan(bytes) {
        let Found::Whole(_, Frame { seq, content: Content::Sealed(body), .. }) = stretch else {
            continue;
        };
        let (id, bytes) = seal.open(seq, body).unwrap();
        assert_eq!(id, format!("evt-{seq}"));
        assert_eq!(bytes, bodies[usize::try_from(seq).unwrap() - 1]);
        found.push(seq);
    }
    found
}

fn untouched(places: &[Range<usize>], damage: &Range<usize>) -> Vec<u64> {
    let apart = |place: &Range<usize>| place.end <= damage.start || damage.end <= place.start;
    (1..).zip(places).filter(|(_, place)| apart(place)).map(|(seq, _)| seq).collect()
}

pub(super) fn bodies(n: usize) -> Vec<Vec<u8>> {
    (0..n).map(|i| vec![u8::try_from(i).unwrap(); 5 + i * 3]).collect()
}

#[test]
fn format_one_is_written_to_the_letter() {
    let key = key();
    let (bytes, _) = segment(&key, &[b"one".to_vec(), b"two".to_vec(), Vec::new()]);
    assert_eq!(hex::encode(&bytes), include_str!("golden/segment_v1.hex").trim());
    let header = Header::parse(&bytes).unwrap();
    assert_eq!((header.version, header.segment, header.next_seq), (1, 9, 1));
    assert!(Sealing { key: &key, log: "spool" }.fits(&header));
    assert!(!Sealing { key: &key, log: "queue/signals" }.fits(&header));
}

#[test]
fn settled_numbers_become_few_ranges() {
    let mut bytes = Vec::new();
    put_settled(&mut bytes, vec![9, 3, 1, 2, 3, 8, 20]);
    let frame = parse(&bytes).unwrap();
    assert_eq!(frame.content, Content::Settled(vec![(1, 3), (8, 2), (20, 1)]));
    assert_eq!(frame.len, bytes.len());
}

#[test]
fn cut_at_every_byte_a_segment_gives_every_record_before_the_cut() {
    let (key, bodies) = (key(), bodies(12));
    let (bytes, places) = segment(&key, &bodies);
    for cut in HEADER_LEN..=bytes.len() {
        let whole: Vec<u64> =
            (1..).zip(&places).filter(|(_, p)| p.end <= cut).map(|(seq, _)| seq).collect();
        assert_eq!(readable(&key, &bytes[..cut], &bodies), whole, "cut at {cut}");
        let strange = scan(&bytes[..cut]).filter(|found| matches!(found, Found::Damaged(_)));
        assert_eq!(strange.count(), 0, "a cut at {cut} is an unfinished end, not damage");
        // A file system may have made the file longer before its bytes arrived.
        let mut zeros = bytes[..cut].to_vec();
        zeros.resize(bytes.len() + 500, 0);
        assert_eq!(readable(&key, &zeros, &bodies), whole, "zeros from {cut}");
    }
}

#[test]
fn with_any_one_bit_flipped_every_other_record_is_read() {
    let (key, bodies) = (key(), bodies(16));
    let (mut bytes, places) = segment(&key, &bodies);
    let mut cases = 0;
    for at in HEADER_LEN..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            let expected = untouched(&places, &(at..at + 1));
            assert_eq!(readable(&key, &bytes, &bodies), expected, "bit {bit} of byte {at}");
            bytes[at] ^= 1 << bit;
            cases += 1;
        }
    }
    assert!(cases > 10_000, "{cases}");
}

#[test]
fn no_bit_of_the_header_can_change_unnoticed() {
    let (bytes, _) = segment(&key(), &[]);
    for at in 0..HEADER_LEN {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert_eq!(Header::parse(&flipped), None);
        }
        assert_eq!(Header::parse(&bytes[..at]), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_over_a_segment_what_it_missed_is_read(
        lens in proptest::collection::vec(0_usize..200, 1..20),
        at in any::<prop::sample::Index>(),
        junk in proptest::collection::vec(any::<u8>(), 1..400),
    ) {
        let key = key();
        let bodies: Vec<Vec<u8>> = lens.iter().map(|len| vec![1; *len]).collect();
        let (mut bytes, places) = segment(&key, &bodies);
        let from = HEADER_LEN + at.index(bytes.len() - HEADER_LEN);
        let to = (from + junk.len()).min(bytes.len());
        bytes[from..to].copy_from_slice(&junk[..to - from]);
        let found = readable(&key, &bytes, &bodies);
        for seq in untouched(&places, &(from..to)) {
            prop_assert!(found.contains(&seq), "{seq} is lost, {from}..{to} overwritten");
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_scan_fail_or_run_in_circles(
        bytes in proptest::collection::vec(prop::sample::select(&[0xC9, b'r', b'l', b'k', 0, 1, 2, 16, 255][..]), 0..300),
    ) {
        let mut next = HEADER_LEN;
        for found in scan(&bytes) {
            let (from, to) = match found {
                Found::Whole(at, frame) => (at, at + frame.len),
                Found::Damaged(range) | Found::Torn(range) => (range.start, range.end),
            };
            prop_assert_eq!(from, next);
            prop_assert!(to > from);
            next = to;
        }
        prop_assert_eq!(next, bytes.len().max(HEADER_LEN));
    }
}
