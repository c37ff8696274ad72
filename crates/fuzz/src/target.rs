//! One parser under test: its kept examples first, then damaged ones, until a count (an ordinary
//! test) or a time (`RELINK_FUZZ_SECONDS`) is reached. A failing input is kept as a file beside
//! the examples, so that the next run begins with it.

use crate::corpus;
use crate::mutate::Mutator;
use crate::random::{Random, hash};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds to go on for, with fresh seeds. Unset: the target's own count of rounds.
const SECONDS: &str = "RELINK_FUZZ_SECONDS";

/// The seed of the first round; each round adds one.
const SEED: &str = "RELINK_FUZZ_SEED";

/// A parser under test.
pub struct Target<'a> {
    name: &'a str,
    folder: PathBuf,
    rounds: u64,
    words: &'a [&'a [u8]],
}

impl<'a> Target<'a> {
    /// The target with its examples in `corpus/NAME` of the crate in `manifest_dir`. Takes 2,000
    /// rounds unless told otherwise.
    pub fn new(manifest_dir: &str, name: &'a str) -> Self {
        let folder = Path::new(manifest_dir).join("corpus").join(name);
        Self { name, folder, rounds: 2_000, words: &[] }
    }

    /// How many damaged inputs an ordinary run makes.
    #[must_use]
    pub fn rounds(self, rounds: u64) -> Self {
        Self { rounds, ..self }
    }

    /// Words of the format, to be put where they do not belong.
    #[must_use]
    pub fn words(self, words: &'a [&'a [u8]]) -> Self {
        Self { words, ..self }
    }

    /// Gives every input to `check`, which panics when something about it is wrong. What it draws
    /// from the [`Random`] depends on the input alone.
    ///
    /// # Panics
    /// When `check` does; the input is kept and named first.
    pub fn run(&self, mut check: impl FnMut(&[u8], &mut Random)) {
        let kept = corpus::load(&self.folder);
        for example in &kept {
            let failed = try_one(&mut check, &example.bytes);
            if let Some(panic) = failed {
                eprintln!("{}: the kept example {} fails", self.name, example.name);
                resume_unwind(panic);
            }
        }
        let examples: Vec<Vec<u8>> = kept.into_iter().map(|example| example.bytes).collect();
        let mutator = Mutator { examples: &examples, words: self.words };
        let (begun, time) = (Instant::now(), number(SECONDS).map(Duration::from_secs));
        let first = number(SEED).unwrap_or_else(|| self.seed(time.is_some()));
        let goes_on = |round| match time {
            Some(time) => begun.elapsed() < time,
            None => round < self.rounds,
        };
        for round in (0..).take_while(|round| goes_on(*round)) {
            let seed = first.wrapping_add(round);
            let bytes = mutator.make(&mut Random::new(hash(&seed.to_le_bytes())));
            if let Some(panic) = try_one(&mut check, &bytes) {
                self.report(seed, &bytes);
                resume_unwind(panic);
            }
        }
    }

    /// The target's own, so that an ordinary run is the same everywhere; or one by the clock.
    fn seed(&self, fresh: bool) -> u64 {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = if fresh { clock.as_nanos() } else { 0 };
        hash(format!("{}{nanos}", self.name).as_bytes())
    }

    fn report(&self, seed: u64, bytes: &[u8]) {
        let kept = match corpus::keep(&self.folder, bytes) {
            Ok(path) => format!("kept as {}, which every later run begins with", path.display()),
            Err(error) => format!("could not be kept: {error}"),
        };
        eprintln!(
            "{}: failed on an input of {} bytes, {kept}\n{}: the same from the seed: {SEED}={seed}\n{}",
            self.name,
            bytes.len(),
            self.name,
            bytes.get(..bytes.len().min(600)).unwrap_or_default().escape_ascii()
        );
    }
}

type Panic = Box<dyn std::any::Any + Send>;

fn try_one(check: &mut impl FnMut(&[u8], &mut Random), bytes: &[u8]) -> Option<Panic> {
    catch_unwind(AssertUnwindSafe(|| check(bytes, &mut Random::of(bytes)))).err()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is \"{text}\" and not a number")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_failing_input_is_kept_and_the_next_run_begins_with_it() {
        let crate_folder =
            std::env::temp_dir().join(format!("relink-target-{}", std::process::id()));
        let folder = crate_folder.join("corpus/pretend");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("good"), "a good example").unwrap();
        let target = Target::new(crate_folder.to_str().unwrap(), "pretend").rounds(5_000);
        let mut seen = 0;
        let mut fails = |bytes: &[u8], _: &mut Random| {
            seen += 1;
            assert!(!bytes.contains(&0), "a NUL");
        };
        let run = AssertUnwindSafe(|| target.run(&mut fails));
        assert!(catch_unwind(run).is_err());
        assert!(seen > 1, "the good example passed");
        let mut seen = Vec::new();
        let again = AssertUnwindSafe(|| {
            target.run(|bytes, _| {
                seen.push(bytes.to_vec());
                assert!(!bytes.contains(&0), "a NUL");
            });
        });
        assert!(catch_unwind(again).is_err());
        assert_eq!(seen.len(), 2, "the good one, then the kept one");
        fs::remove_dir_all(crate_folder).unwrap();
    }

    #[test]
    fn every_round_gets_its_input_and_what_is_drawn_beside_it_depends_on_it_alone() {
        let crate_folder =
            std::env::temp_dir().join(format!("relink-rounds-{}", std::process::id()));
        let folder = crate_folder.join("corpus/pretend");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("good"), "a good example").unwrap();
        let target = Target::new(crate_folder.to_str().unwrap(), "pretend").rounds(100);
        let run = || {
            let mut seen = Vec::new();
            target.run(|bytes, random| seen.push((bytes.to_vec(), random.number())));
            seen
        };
        let first = run();
        if std::env::var_os(SECONDS).is_none() {
            assert_eq!((first.len(), &first), (101, &run()));
        }
        fs::remove_dir_all(crate_folder).unwrap();
    }
}
