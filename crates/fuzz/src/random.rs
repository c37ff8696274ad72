//! Pseudo-random numbers that are the same on every machine and in every release (SplitMix64):
//! a seed names an input for good.

use std::ops::Range;

/// A stream of numbers, fixed by its seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of these bytes, so that what is drawn beside an input is drawn again with it.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hash(bytes))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, or 0 when there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let drawn = self.number() % (end.max(1) as u64);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `from`, if there is one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len());
        from.get(at)
    }

    /// A range within `0..len`, no longer than `longest`; short ones are as likely as long ones.
    pub fn range(&mut self, len: usize, longest: usize) -> Range<usize> {
        let from = self.below(len);
        let most = (len - from.min(len)).min(longest);
        let size = if self.one_in(2) { most.min(8) } else { most };
        from..from + self.below(size + 1)
    }
}

/// FNV-1a. Names files and seeds; no one chooses its input to collide.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
