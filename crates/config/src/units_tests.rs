//! What counts as a duration or a size, as tables and properties.

use super::*;
use proptest::prelude::*;

#[test]
fn durations_are_read_as_people_write_them() {
    let cases = [
        ("10m", 600_000),
        ("0s", 0),
        ("250ms", 250),
        ("1h30m", 5_400_000),
        ("30d", 2_592_000_000),
        ("1d2h3m4s5ms", 93_784_005),
        ("90s", 90_000),
    ];
    for (text, millis) in cases {
        assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn what_is_not_a_duration_is_refused() {
    for text in [
        "",
        "10",
        "m",
        "10 m",
        "-1s",
        "1.5h",
        "10min",
        "1m1h",
        "1s1s",
        "10M",
        "١s",
        "1h ",
        "3651d",
        "99999999999999999999s",
        "213503982335d",
    ] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}

#[test]
fn sizes_are_powers_of_two_and_nothing_else() {
    for (text, bytes) in [("64KiB", 65_536), ("0B", 0), ("1GiB", 1 << 30), ("5MiB", 5 << 20)] {
        assert_eq!(parse_size(text), Some(bytes), "{text}");
    }
    for text in
        ["", "64", "KiB", "64KB", "64 KiB", "64kib", "1.5GiB", "-1B", "1GiB5B", "99999999999GiB"]
    {
        assert_eq!(parse_size(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn durations_round_trip(millis in 0..=MAX_MILLIS) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
    }

    #[test]
    fn sizes_round_trip(bytes: u64) {
        prop_assert_eq!(parse_size(&format_size(bytes)), Some(bytes));
    }

    #[test]
    fn no_text_breaks_the_units(text in "\\PC*|[0-9a-zA-Zµ]{0,12}") {
        let _ = parse_duration(&text);
        let _ = parse_size(&text);
    }
}
