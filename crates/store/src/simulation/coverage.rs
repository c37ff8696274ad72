//! What the runs have been through, so that it shows when something is never reached.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Default)]
pub(super) struct Coverage {
    counts: BTreeMap<(&'static str, &'static str), u64>,
    situations: HashSet<u64>,
}

impl Coverage {
    pub(super) fn seen(&mut self, what: &'static str, which: &'static str) {
        *self.counts.entry((what, which)).or_default() += 1;
    }

    /// Counts different situations: whatever tells one from another, hashed.
    pub(super) fn situation(&mut self, situation: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        situation.hash(&mut hasher);
        self.situations.insert(hasher.finish());
    }

    pub(super) fn count(&self, what: &str, which: &str) -> u64 {
        let mut found = self.counts.iter().filter(|((a, b), _)| (*a, *b) == (what, which));
        found.next().map_or(0, |(_, count)| *count)
    }

    pub(super) fn situations(&self) -> usize {
        self.situations.len()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((what, which), count) in &self.counts {
            writeln!(f, "  {what:16} {which:40} {count:>12}")?;
        }
        Ok(())
    }
}
