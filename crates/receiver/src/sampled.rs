//! Lets one log line a second through and counts the rest, so that a flood of forged requests
//! fills neither the disk nor the eye. Counters stay exact; only the lines are sampled.

use std::sync::Mutex;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Sampled(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl Sampled {
    /// Whether a line may be written at `now`; if so, how many were held back since the last.
    pub(crate) fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < EVERY) {
            state.held_back += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_and_the_rest_is_counted() {
        let sampled = Sampled::default();
        let start = Instant::now();
        assert_eq!(sampled.admit(start), Some(0));
        assert_eq!(sampled.admit(start + Duration::from_millis(1)), None);
        assert_eq!(sampled.admit(start + Duration::from_millis(999)), None);
        assert_eq!(sampled.admit(start + Duration::from_millis(1000)), Some(2));
        assert_eq!(sampled.admit(start + Duration::from_millis(2500)), Some(0));
    }
}
