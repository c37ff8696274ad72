//! When to try again. One layer retries, and this is it: no client below retries by itself.

use std::time::Duration;

/// Waits between tries that count: with the first try this makes eight, over about 19 hours.
const SCHEDULE: [Duration; 7] = [
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
];

/// The wait after a provider's or configuration's fault, which uses up no try.
const OUT_OF_ORDER: Duration = Duration::from_secs(30);

/// The longest wait a provider may ask for.
const LONGEST_WISH: Duration = Duration::from_secs(6 * 60 * 60);

/// Waits after a recipient's soft fault (full mailbox, handset off): two more tries.
const SOFT: [Duration; 2] = [Duration::from_secs(4 * 60 * 60), Duration::from_secs(8 * 60 * 60)];

/// Waits of a message about whose account Cobalt cannot be asked; the last one goes on and on.
const PUT_OFF: [Duration; 4] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(30 * 60),
];

/// The share of a wait that jitter may add, so that a mass return is spread.
const JITTER_SHARE: f64 = 0.10;

/// The wait before the try after `spent` tries that counted; `None` when all are used up.
/// `jitter` is drawn by the caller, 0.0 to 1.0.
pub fn wait_after(spent: u32, jitter: f64) -> Option<Duration> {
    pick(&SCHEDULE, spent).map(|wait| spread(wait, jitter))
}

/// The wait after a soft fault, by the number of tries that counted.
pub fn soft_wait_after(spent: u32, jitter: f64) -> Option<Duration> {
    pick(&SOFT, spent).map(|wait| spread(wait, jitter))
}

/// The wait while a provider is out of order, honouring its own wish within bounds.
pub fn out_of_order_wait(wish: Option<Duration>, jitter: f64) -> Duration {
    let wait = wish.unwrap_or(OUT_OF_ORDER).clamp(Duration::from_secs(1), LONGEST_WISH);
    spread(wait, jitter)
}

/// A wait of the schedule, or the provider's own wish if that is longer, within bounds: an absurd
/// wish must not park a message for ever.
pub fn at_least_the_wish(wait: Duration, wish: Option<Duration>) -> Duration {
    wish.map_or(wait, |wish| whole_millis(wait.max(wish.min(LONGEST_WISH))))
}

/// The wait of a message that has been put off for `waited` already, because Cobalt cannot say
/// whether its account works: told from the time that passed, so that nobody has to count.
pub fn put_off_wait(waited: Duration, jitter: f64) -> Duration {
    let mut until = Duration::ZERO;
    let [.., last] = PUT_OFF;
    let next = PUT_OFF.into_iter().find(|wait| {
        until += *wait;
        waited < until
    });
    spread(next.unwrap_or(last), jitter)
}

fn pick(waits: &[Duration], spent: u32) -> Option<Duration> {
    waits.get(usize::try_from(spent.saturating_sub(1)).ok()?).copied()
}

fn spread(wait: Duration, jitter: f64) -> Duration {
    whole_millis(wait.mul_f64(1.0 + JITTER_SHARE * jitter.clamp(0.0, 1.0)))
}

/// The grain of the store, rounded up: cut off there, it would end before it was meant to, and what
/// is read back would not be what was decided.
fn whole_millis(wait: Duration) -> Duration {
    let cut = Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    if cut < wait { cut + Duration::from_millis(1) } else { cut }
}

/// Reconnect waits: 0.1 s doubling to 10 s, with full jitter (a random share of the cap), so
/// that a fleet does not return in step. `failures` counts from 1.
pub fn reconnect_wait(failures: u32, jitter: f64) -> Duration {
    let cap = Duration::from_millis(100)
        .saturating_mul(1_u32.checked_shl(failures.saturating_sub(1).min(20)).unwrap_or(u32::MAX))
        .min(Duration::from_secs(10));
    cap.mul_f64(0.1 + 0.9 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_makes_eight_tries_over_about_nineteen_hours() {
        let waits: Vec<u64> =
            (1..=8).map_while(|spent| wait_after(spent, 0.0)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [30, 120, 600, 3_600, 21_600, 21_600, 21_600]);
        assert_eq!(wait_after(8, 0.0), None);
        assert_eq!(wait_after(1, 1.0), Some(Duration::from_secs(33)));
    }

    #[test]
    fn what_is_put_off_waits_longer_each_time_and_half_an_hour_at_last() {
        let mut waited = Duration::ZERO;
        let mut waits = Vec::new();
        for _ in 0..6 {
            let wait = put_off_wait(waited, 0.0);
            waits.push(wait.as_secs() / 60);
            waited += wait;
        }
        assert_eq!(waits, [1, 5, 15, 30, 30, 30]);
        assert_eq!(put_off_wait(Duration::from_secs(59), 0.0), Duration::from_secs(60));
        assert_eq!(put_off_wait(Duration::from_secs(60), 1.0), Duration::from_secs(330));
        assert_eq!(put_off_wait(Duration::MAX, 0.0), Duration::from_secs(1_800));
    }

    #[test]
    fn a_provider_cannot_make_us_spin_or_sleep_for_days() {
        let wait = |secs| out_of_order_wait(Some(Duration::from_secs(secs)), 0.0).as_secs();
        assert_eq!((wait(0), wait(17), wait(1_000_000)), (1, 17, 21_600));
        assert_eq!(out_of_order_wait(None, 0.0).as_secs(), 30);
        let minute = Duration::from_secs(60);
        let wish = |secs| at_least_the_wish(minute, Some(Duration::from_secs(secs))).as_secs();
        assert_eq!((wish(5), wish(300), wish(u64::MAX)), (60, 300, 21_600));
        assert_eq!(at_least_the_wish(minute, None), minute);
    }

    proptest::proptest! {
        #[test]
        fn waits_that_are_stored_are_whole_milliseconds_and_never_shorter(
            spent in 1..8_u32, jitter in 0.0..1.0_f64, wish in 0..30_000_000_000_u64,
        ) {
            let wish = Duration::from_micros(wish);
            let waits = [
                wait_after(spent, jitter).unwrap(),
                soft_wait_after(spent.min(2), jitter).unwrap(),
                out_of_order_wait(Some(wish), jitter),
                at_least_the_wish(Duration::from_secs(30), Some(wish)),
            ];
            for wait in waits {
                proptest::prop_assert_eq!(wait.subsec_nanos() % 1_000_000, 0, "{:?}", wait);
            }
            let meant = wish.clamp(Duration::from_secs(1), LONGEST_WISH);
            proptest::prop_assert!(out_of_order_wait(Some(wish), jitter) >= meant);
        }
    }

    #[test]
    fn reconnecting_starts_fast_and_is_capped() {
        assert!(reconnect_wait(1, 1.0) <= Duration::from_millis(100));
        assert_eq!(reconnect_wait(40, 1.0), Duration::from_secs(10));
        assert!(reconnect_wait(40, 0.0) >= Duration::from_secs(1));
    }
}
