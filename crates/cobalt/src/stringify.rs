//! JSON as JavaScript writes it: to the byte what `JSON.stringify(JSON.parse(body))` gives.
//! This is the form that Cobalt signs and that an event's digest is taken of.

use crate::json::Json;

/// The compact text of `value`.
pub(crate) fn stringify(value: &Json) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// As deep as the reader allowed, so no deeper than [`crate::json::MAX_DEPTH`] calls.
fn write(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(number) => out.push_str(&number_text(*number)),
        Json::Text(units) => write_text(units, out),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Json::Object(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

/// ECMAScript's `QuoteJSONString`: lone surrogates and control characters are escaped, in lower
/// case; everything else, `/` and U+2028 included, is written as it is.
fn write_text(units: &[u16], out: &mut String) {
    // As long as it gets, most times.
    out.reserve(units.len() + 2);
    out.push('"');
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok('"') => out.push_str("\\\""),
            Ok('\\') => out.push_str("\\\\"),
            Ok('\u{8}') => out.push_str("\\b"),
            Ok('\t') => out.push_str("\\t"),
            Ok('\n') => out.push_str("\\n"),
            Ok('\u{c}') => out.push_str("\\f"),
            Ok('\r') => out.push_str("\\r"),
            Ok(control) if control < ' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            Ok(other) => out.push(other),
            Err(lone) => out.push_str(&format!("\\u{:04x}", lone.unpaired_surrogate())),
        }
    }
    out.push('"');
}

/// ECMAScript's `Number::toString` in base 10; what JSON cannot say becomes `null`.
pub(crate) fn number_text(number: f64) -> String {
    if !number.is_finite() {
        return "null".to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let shortest = shortest_digits(number.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{}", place_point(&digits, exponent))
}

/// The fewest digits that read back as the same double and, among those, the closest to it; of
/// two equally close the even one. Rust's own shortest form is all this but even: rounding the
/// exact value to as many digits is.
fn shortest_digits(number: f64) -> String {
    let shortest = format!("{number:e}");
    let digits = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit);
    let rounded = format!("{number:.*e}", digits.count().saturating_sub(1));
    if rounded.parse() == Ok(number) { rounded } else { shortest }
}

fn place_point(digits: &str, exponent: i32) -> String {
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let before_point = usize::try_from(exponent + 1).unwrap_or(0);
    match exponent {
        0..=20 => match digits.split_at_checked(before_point) {
            Some((whole, "")) => whole.to_owned(),
            Some((whole, part)) => format!("{whole}.{part}"),
            None => format!("{digits}{}", "0".repeat(before_point - digits.len())),
        },
        -6..=-1 => format!("0.{}{digits}", zeros(-exponent - 1)),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            let size = exponent.unsigned_abs();
            match digits.split_at_checked(1) {
                Some((first, rest)) if !rest.is_empty() => format!("{first}.{rest}e{sign}{size}"),
                Some(_) | None => format!("{digits}e{sign}{size}"),
            }
        }
    }
}

#[cfg(test)]
#[path = "stringify_tests.rs"]
mod tests;
