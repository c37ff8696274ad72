//! Moments as the store keeps them: whole milliseconds since 1970 in UTC. Everything that is
//! compared or stored has this grain, so that a value read back equals the value written.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::time::Duration;

/// Milliseconds since the epoch, as stored.
pub fn to_millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The moment a stored value means. Out-of-range values, which only damage could produce,
/// become the nearest moment that can be shown.
pub fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// Cuts a moment down to the grain of the store.
pub fn whole_millis(at: Timestamp) -> Timestamp {
    from_millis(to_millis(at))
}

/// `at + by`, held at the last representable moment rather than wrapping or failing.
pub fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at - by`, held at the first representable moment.
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// The day in UTC that `at` falls on.
pub fn utc_day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// How long from `earlier` to `later`; zero when the clock went back.
pub fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    later.duration_since(earlier).try_into().unwrap_or(Duration::ZERO)
}

/// Whether `name` is an IANA zone, such as `America/New_York`.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_zone_database_has_is_a_zone() {
        assert!(is_zone("America/New_York") && is_zone("UTC"));
        for other in ["", "EST5EDT7", "Mars/Base", "+02:00", "../etc/passwd"] {
            assert!(!is_zone(other), "{other}");
        }
    }

    #[test]
    fn nothing_wraps_and_nothing_is_negative() {
        let start = from_millis(1_000);
        assert_eq!(to_millis(after(start, Duration::from_secs(2))), 3_000);
        assert_eq!(after(start, Duration::MAX), Timestamp::MAX);
        assert_eq!(to_millis(earlier(start, Duration::from_secs(2))), -1_000);
        assert_eq!(earlier(start, Duration::MAX), Timestamp::MIN);
        assert_eq!(since(from_millis(5), from_millis(3)), Duration::ZERO);
        assert_eq!(from_millis(i64::MAX), Timestamp::MAX);
    }

    #[test]
    fn a_day_is_one_of_utc() {
        for (at, day) in [
            ("2026-11-20T00:00:00Z", "2026-11-20"),
            ("2026-11-20T23:59:59.999Z", "2026-11-20"),
            ("2026-11-20T23:30:00-07:00", "2026-11-21"),
        ] {
            assert_eq!(utc_day(at.parse().unwrap()).to_string(), day);
        }
        utc_day(Timestamp::MIN);
        utc_day(Timestamp::MAX);
    }
}
