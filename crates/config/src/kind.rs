//! What a value may be: each kind knows the shape it shows in the schema and how to read one
//! value. Pure: no kind touches a file, the environment or the clock.

use crate::units::{format_duration, format_size, parse_duration, parse_size};
use relink_core::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;
use toml::de::DeValue;

/// A value as it stands in the file, or as a built-in default.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw<'a> {
    Text(&'a str),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Moment(String),
    /// Something else, in words.
    Other(&'static str),
}

/// What is wrong with one value.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) remedy: String,
    /// The value may hold a password although its key is no secret.
    pub(crate) hide_value: bool,
}

/// How a value looks from outside, for the schema and for documents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Text,
    Id,
    Path,
    Duration,
    Size,
    Integer {
        min: i64,
        max: i64,
    },
    Share {
        max: f64,
    },
    Flag,
    Words(Vec<&'static str>),
    Url,
    SocketAddress,
    Mailbox,
    Phone,
    Moment,
    /// Text, or `{ env = … }`, or `{ file = … }`.
    Sourced {
        secret: bool,
    },
    /// A list of these.
    List(Box<Shape>),
    /// A list of tables whose keys are listed on their own.
    Tables,
}

type Read<T> = Box<dyn Fn(&Raw<'_>) -> Result<T, Fault>>;

/// One kind of value: its shape, and the way to read it.
pub(crate) struct Kind<T> {
    pub(crate) shape: Shape,
    read: Read<T>,
}

impl<T> Kind<T> {
    pub(crate) fn new(shape: Shape, read: impl Fn(&Raw<'_>) -> Result<T, Fault> + 'static) -> Self {
        Self { shape, read: Box::new(read) }
    }

    pub(crate) fn read(&self, raw: &Raw<'_>) -> Result<T, Fault> {
        (self.read)(raw)
    }
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into(), hide_value: false }
    }

    /// The same fault with advice that fits better.
    pub(crate) fn advised(self, remedy: &str) -> Self {
        Self { remedy: remedy.to_owned(), ..self }
    }

    /// Keeps the value out of the report.
    pub(crate) fn hidden(self) -> Self {
        Self { hide_value: true, ..self }
    }

    pub(crate) fn of_type(raw: &Raw<'_>, expected: &str, remedy: &str) -> Self {
        Self::new(format!("is {} where {expected} is expected", raw.type_name()), remedy)
    }
}

impl<'a> Raw<'a> {
    pub(crate) fn of(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .map_or(Self::Other("a number that is too large"), Self::Integer),
            DeValue::Float(digits) => digits
                .as_str()
                .parse()
                .map_or(Self::Other("a number that cannot be read"), Self::Float),
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Datetime(moment) => Self::Moment(moment.to_string()),
            DeValue::Array(_) => Self::Other("a list"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Integer(number) => json!(number),
            Self::Float(number) => json!(number),
            Self::Flag(flag) => json!(flag),
            Self::Moment(moment) => json!(moment),
            Self::Other(_) => Value::Null,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// 0 and 1 are numbers too, whether a point is written or not.
    fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Integer(number) => i32::try_from(*number).ok().map(f64::from),
            Self::Text(_) | Self::Flag(_) | Self::Moment(_) | Self::Other(_) => None,
        }
    }

    fn as_flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }

    fn as_moment(&self) -> Option<&str> {
        if let Self::Moment(moment) = self { Some(moment) } else { None }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a decimal point",
            Self::Flag(_) => "true or false",
            Self::Moment(_) => "a date or time",
            Self::Other(name) => name,
        }
    }
}

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
