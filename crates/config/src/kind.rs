//! What a kind of value is: the shape it shows in the schema, and a way to read one value as it
//! stands in the file. The kinds there are: [`crate::kinds`].

use serde_json::{Value, json};
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

    pub(crate) fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// 0 and 1 are numbers too, whether a point is written or not.
    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Integer(number) => i32::try_from(*number).ok().map(f64::from),
            Self::Text(_) | Self::Flag(_) | Self::Moment(_) | Self::Other(_) => None,
        }
    }

    pub(crate) fn as_flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }

    pub(crate) fn as_moment(&self) -> Option<&str> {
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
