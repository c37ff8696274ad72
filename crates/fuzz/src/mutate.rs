//! Damage to a valid example that leaves most of it valid, so that it gets past the first check
//! and reaches the later ones. Aware of structure as far as separators, numbers and words go.

use crate::random::Random;
use crate::words::{NUMBERS, OPENERS, SEPARATORS, WORDS};
use std::ops::Range;

/// The longest input that is made, in bytes: above every limit on a body.
const MAX_BYTES: usize = 256 * 1024;

/// The most steps of damage on one input.
const MAX_STEPS: usize = 6;

/// How often one thing is repeated at most.
const MAX_REPEATS: usize = 70_000;

/// Makes bad inputs out of good ones.
pub(crate) struct Mutator<'a> {
    /// At least one.
    pub(crate) examples: &'a [Vec<u8>],
    /// Words of the target's own format.
    pub(crate) words: &'a [&'a [u8]],
}

impl Mutator<'_> {
    /// One example, damaged.
    pub(crate) fn make(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.example(random);
        // One step more often than many: what is damaged lightly is read further.
        let steps = 1 + random.below(MAX_STEPS).min(random.below(MAX_STEPS));
        for _ in 0..steps {
            self.damage(&mut bytes, random);
            bytes.truncate(MAX_BYTES);
        }
        bytes
    }

    fn damage(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        let len = bytes.len();
        match random.below(15) {
            0 | 1 => flip_bit(bytes, random),
            2 => put(bytes, random.range(len, 1), &[random_byte(random)]),
            3 => put(bytes, random.range(len, 64), b""),
            4 if random.one_in(2) => bytes.truncate(random.below(len + 1)),
            5 => {
                let again = piece(bytes, random.range(len, 64));
                put(bytes, at(random, len), &again);
            }
            6 => self.splice(bytes, random),
            7 | 8 => put(bytes, at(random, len), &self.word(random)),
            9 => put(bytes, segment(bytes, random), &self.word(random)),
            10 => {
                let number = random.pick(NUMBERS).copied().unwrap_or_default();
                put(bytes, digits(bytes, random), number);
            }
            11 => {
                // Twice the same key, row, header or line; or a part where another belongs.
                let (from, to) = (segment(bytes, random), segment(bytes, random));
                let moved = piece(bytes, from.start..(from.end + 1).min(len).max(from.start));
                put(bytes, to.start..to.start, &moved);
            }
            12 => {
                let other = self.example(random);
                let theirs = piece(&other, segment(&other, random));
                put(bytes, segment(bytes, random), &theirs);
            }
            _ => self.repeat(bytes, random),
        }
    }

    fn example(&self, random: &mut Random) -> Vec<u8> {
        random.pick(self.examples).cloned().unwrap_or_default()
    }

    fn word(&self, random: &mut Random) -> Vec<u8> {
        let list = if random.one_in(2) && !self.words.is_empty() { self.words } else { WORDS };
        random.pick(list).map(|word| word.to_vec()).unwrap_or_default()
    }

    /// The beginning of this one and the end of another.
    fn splice(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        let other = self.example(random);
        bytes.truncate(random.below(bytes.len() + 1));
        let from = random.below(other.len() + 1);
        bytes.extend_from_slice(other.get(from..).unwrap_or_default());
    }

    /// A byte, a word or an opening bracket, many times: beyond a limit, or deeper than a stack.
    fn repeat(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        let what = match random.below(3) {
            0 => vec![random_byte(random)],
            1 => random.pick(OPENERS).map(|opener| opener.to_vec()).unwrap_or_default(),
            _ => self.word(random),
        };
        let most = if random.one_in(8) { MAX_REPEATS } else { 300 };
        let times = random.below(most).min(MAX_BYTES / what.len().max(1));
        put(bytes, at(random, bytes.len()), &what.repeat(times));
    }
}

fn flip_bit(bytes: &mut [u8], random: &mut Random) {
    let (at, bit) = (random.below(bytes.len()), random.below(8));
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

/// Any byte, or one that separates.
fn random_byte(random: &mut Random) -> u8 {
    match random.one_in(2) {
        true => random.pick(SEPARATORS).copied().unwrap_or_default(),
        false => random.number().to_le_bytes()[0],
    }
}

/// An empty place.
fn at(random: &mut Random, len: usize) -> Range<usize> {
    let at = random.below(len + 1);
    at..at
}

/// Replaces a range with `new`.
fn put(bytes: &mut Vec<u8>, range: Range<usize>, new: &[u8]) {
    let end = range.end.min(bytes.len());
    bytes.splice(range.start.min(end)..end, new.iter().copied());
}

fn piece(bytes: &[u8], range: Range<usize>) -> Vec<u8> {
    bytes.get(range).unwrap_or_default().to_vec()
}

/// What lies between two separators of one kind: a field, a line, a text, a member.
fn segment(bytes: &[u8], random: &mut Random) -> Range<usize> {
    let from = random.below(bytes.len() + 1);
    let separator = random.pick(SEPARATORS).copied().unwrap_or(b',');
    let (before, behind) = bytes.split_at(from);
    let start = before.iter().rposition(|byte| *byte == separator).map_or(0, |at| at + 1);
    let end = behind.iter().position(|byte| *byte == separator).unwrap_or(behind.len());
    start..from + end
}

/// The number nearest behind some place; an empty place when there is none.
fn digits(bytes: &[u8], random: &mut Random) -> Range<usize> {
    let from = random.below(bytes.len() + 1);
    let rest = bytes.get(from..).unwrap_or_default();
    let start = from + rest.iter().position(u8::is_ascii_digit).unwrap_or(0);
    let rest = bytes.get(start..).unwrap_or_default();
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    start..start + count
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const EXAMPLE: &[u8] = br#"{"id":"evt-1","n":12,"data":{"a":[1,2]}}"#;

    fn made(seed: u64) -> Vec<u8> {
        let examples = [EXAMPLE.to_vec(), b"a=1&b=2\r\n".to_vec()];
        Mutator { examples: &examples, words: &[b"login_required"] }.make(&mut Random::new(seed))
    }

    #[test]
    fn a_seed_names_an_input_for_good_and_another_seed_another() {
        // Changing the mutator makes other inputs of the same seeds; regressions are kept as files.
        assert_eq!(made(7), made(7));
        let distinct: HashSet<Vec<u8>> = (0..2_000).map(made).collect();
        assert!(distinct.len() > 1_700, "{}", distinct.len());
    }

    #[test]
    fn the_damage_is_of_every_kind_and_most_of_the_example_stays() {
        let all: Vec<Vec<u8>> = (0..4_000).map(made).collect();
        let share =
            |wanted: &dyn Fn(&[u8]) -> bool| all.iter().filter(|bytes| wanted(bytes)).count();
        let has = |part: &'static [u8]| {
            move |bytes: &[u8]| bytes.windows(part.len()).any(|window| window == part)
        };
        assert!(share(&has(b"\"id\":")) > 1_200, "of the 2,000 or so that had it");
        assert!(share(&|bytes| bytes.len() > 64 * 1024) > 5);
        assert!(share(&|bytes| std::str::from_utf8(bytes).is_err()) > 100);
        for part in [&b"[[[[[["[..], b"\\ud800", b"1e999", b"\0", b"login_required", b"}}a=1"] {
            assert!(share(&has(part)) > 0, "{}", String::from_utf8_lossy(part));
        }
        assert!(all.iter().all(|bytes| bytes.len() <= MAX_BYTES));
    }

    #[test]
    fn nothing_is_an_example_too() {
        let mutator = Mutator { examples: &[Vec::new()], words: &[] };
        for seed in 0..500 {
            mutator.make(&mut Random::new(seed));
        }
    }
}
