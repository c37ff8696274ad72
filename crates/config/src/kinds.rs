//! The kinds of value that the configuration has. Pure: none touches a file, the environment or
//! the clock.

use crate::kind::{Fault, Kind, Raw, Shape};
use crate::units::{format_duration, format_size, parse_duration, parse_size};
use relink_core::Timestamp;
use std::time::Duration;

/// Text with something in it and no control characters, at most 200 bytes.
pub(crate) fn text() -> Kind<String> {
    Kind::new(Shape::Text, |raw| plain_text(raw, 200))
}

/// A name for logs and metrics: letters, digits, `.`, `_`, `-`, at most 60 bytes.
pub(crate) fn id() -> Kind<String> {
    Kind::new(Shape::Id, |raw| {
        let text = plain_text(raw, 60)?;
        if text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            return Ok(text);
        }
        Err(Fault::new(
            "has characters that a name in logs and metrics cannot have",
            "use letters, digits, dots, dashes and underscores",
        ))
    })
}

/// A file or folder.
pub(crate) fn path() -> Kind<String> {
    Kind::new(Shape::Path, |raw| plain_text(raw, 4096))
}

/// A duration, at most ten years.
pub(crate) fn duration() -> Kind<Duration> {
    const REMEDY: &str = "write whole numbers with ms, s, m, h or d, largest first and at most 3650d, such as \"10m\" or \"1h30m\"";
    Kind::new(Shape::Duration, |raw| {
        let text =
            raw.as_text().ok_or_else(|| Fault::of_type(raw, "a duration in quotes", REMEDY))?;
        parse_duration(text).ok_or_else(|| Fault::new("is not a duration", REMEDY))
    })
}

/// How often: zero for never, otherwise at least `least`.
pub(crate) fn interval(least: Duration) -> Kind<Duration> {
    let kind = duration();
    Kind::new(Shape::Duration, move |raw| {
        let every = kind.read(raw)?;
        if every.is_zero() || every >= least {
            return Ok(every);
        }
        let remedy = format!("write \"0s\" for never, or \"{}\" or more", format_duration(least));
        Err(Fault::new("is too often", remedy))
    })
}

/// A size in bytes within `min` and `max`.
pub(crate) fn size(min: u64, max: u64) -> Kind<u64> {
    const REMEDY: &str =
        "write a whole number with B, KiB, MiB or GiB and no space, such as \"64KiB\"";
    Kind::new(Shape::Size, move |raw| {
        let text = raw.as_text().ok_or_else(|| Fault::of_type(raw, "a size in quotes", REMEDY))?;
        let bytes = parse_size(text).ok_or_else(|| Fault::new("is not a size", REMEDY))?;
        if (min..=max).contains(&bytes) {
            return Ok(bytes);
        }
        let range = format!("choose a size from {} to {}", format_size(min), format_size(max));
        Err(Fault::new("is out of range", range))
    })
}

/// A count within `min` and `max`.
pub(crate) fn count(min: i64, max: i64) -> Kind<usize> {
    let remedy = format!("write a whole number from {min} to {max}, without quotes");
    Kind::new(Shape::Integer { min, max }, move |raw| {
        let number =
            raw.as_integer().ok_or_else(|| Fault::of_type(raw, "a whole number", &remedy))?;
        usize::try_from(number)
            .ok()
            .filter(|_| (min..=max).contains(&number))
            .ok_or_else(|| Fault::new("is out of range", remedy.clone()))
    })
}

/// A TCP port to connect to.
pub(crate) fn port() -> Kind<u16> {
    const REMEDY: &str = "write a port from 1 to 65535, without quotes";
    Kind::new(Shape::Integer { min: 1, max: 65_535 }, |raw| {
        let number =
            raw.as_integer().ok_or_else(|| Fault::of_type(raw, "a whole number", REMEDY))?;
        u16::try_from(number)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| Fault::new("is not a port", REMEDY))
    })
}

/// A share from 0 to `max`.
pub(crate) fn share(max: f64) -> Kind<f64> {
    let remedy = format!("write a number from 0.0 to {max:?}, without quotes");
    Kind::new(Shape::Share { max }, move |raw| {
        let number = raw.as_float().ok_or_else(|| Fault::of_type(raw, "a number", &remedy))?;
        if (0.0..=max).contains(&number) {
            return Ok(number);
        }
        Err(Fault::new("is out of range", remedy.clone()))
    })
}

/// `true` or `false`.
pub(crate) fn flag() -> Kind<bool> {
    Kind::new(Shape::Flag, |raw| {
        raw.as_flag().ok_or_else(|| {
            Fault::of_type(raw, "true or false", "write true or false, without quotes")
        })
    })
}

/// One of a closed list of words.
pub(crate) fn word<T: Copy + 'static>(words: &'static [(&'static str, T)]) -> Kind<T> {
    let spelled: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let remedy = format!("write one of: {}", spelled.join(", "));
    Kind::new(Shape::Words(spelled), move |raw| {
        let text =
            raw.as_text().ok_or_else(|| Fault::of_type(raw, "one word in quotes", &remedy))?;
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| Fault::new("is not one of the words known here", remedy.clone()))
    })
}

/// A moment with its offset from UTC.
pub(crate) fn moment() -> Kind<Timestamp> {
    const REMEDY: &str = "write date, time and offset, such as 2026-12-31T00:00:00Z";
    Kind::new(Shape::Moment, |raw| {
        let written = raw.as_moment().or(raw.as_text());
        let text = written.ok_or_else(|| Fault::of_type(raw, "a moment", REMEDY))?;
        text.parse().map_err(|_| Fault::new("is not a moment with an offset from UTC", REMEDY))
    })
}

/// Text on one line, not empty, at most `max` bytes.
pub(crate) fn plain_text(raw: &Raw<'_>, max: usize) -> Result<String, Fault> {
    let Raw::Text(text) = raw else {
        return Err(Fault::of_type(raw, "text in quotes", "put the value in quotes"));
    };
    let text = text.trim();
    let wrong = |what: &str| Err(Fault::new(what, format!("write 1 to {max} bytes on one line")));
    match text {
        "" => wrong("is empty"),
        text if text.len() > max => wrong("is too long"),
        text if text.chars().any(char::is_control) => wrong("has a control character"),
        text => Ok(text.to_owned()),
    }
}
