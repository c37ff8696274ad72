//! Durations such as `1h30m` and sizes such as `64KiB`: read, and written so that what is
//! written reads back as the same value. No floats, no guessing of units.

use std::time::Duration;

const MILLIS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const BYTES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Ten years: longer is a slip of the keyboard, and far from every overflow.
const MAX_MILLIS: u64 = 3_650 * 86_400_000;

/// Whole numbers with units, largest unit first, each unit once: `1h30m`, `250ms`, `0s`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut units = MILLIS.iter();
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, unit, after) = number_and_unit(rest)?;
        // Advancing through the units keeps them in order and unrepeated.
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(*millis)?)?;
        rest = after;
    }
    (!text.is_empty() && total <= MAX_MILLIS).then(|| Duration::from_millis(total))
}

/// The shortest text that [`parse_duration`] reads as the same value, to the millisecond.
pub(crate) fn format_duration(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in MILLIS {
        if left >= millis {
            text.push_str(&format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A whole number and one unit: `64KiB`.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit, after) = number_and_unit(text)?;
    let (_, bytes) = BYTES.iter().find(|(name, _)| *name == unit)?;
    if after.is_empty() { number.checked_mul(*bytes) } else { None }
}

/// The largest unit that [`parse_size`] reads back exactly.
pub(crate) fn format_size(bytes: u64) -> String {
    let exact = BYTES.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    exact.map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

/// Splits `90s5ms` into 90, `s` and `5ms`.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at_checked(digits)?;
    let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at_checked(end)?;
    Some((number.parse().ok()?, unit, after))
}

#[cfg(test)]
#[path = "units_tests.rs"]
mod tests;
