//! JSON as JavaScript reads it. Cobalt signs what `JSON.stringify` writes, so a body is read
//! with JavaScript's rules: the last of two equal keys wins in the place of the first,
//! integer-like keys come first, numbers are doubles, and a lone surrogate is a character.
//!
//! Whatever is verified and whatever is understood go through this one reader, so that no body
//! can mean one thing to the signature and another to us. It holds at most [`MAX_DEPTH`] levels
//! and never says what a body contained, only where it went wrong.

use std::collections::BTreeMap;

/// The deepest nesting that is read. Cobalt's events are three levels deep.
pub(crate) const MAX_DEPTH: usize = 64;

/// Text in UTF-16, as JavaScript holds it: it may contain lone surrogates.
pub(crate) type Text = Vec<u16>;

/// A JSON value. No `Debug`: a body may hold what must not be logged.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(Text),
    Array(Vec<Json>),
    /// In the order JavaScript lists the keys; no key twice.
    Object(Vec<(Text, Json)>),
}

/// Why bytes are not JSON that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Nested more than 64 levels.
    #[error("the body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Not JSON (RFC 8259).
    #[error("the body is not JSON from byte {at} on")]
    Malformed {
        /// Offset of the first byte that does not fit.
        at: usize,
    },
}

impl Json {
    /// Reads one whole document.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.skip_space();
        if reader.at == text.len() { Ok(value) } else { Err(reader.malformed()) }
    }

    /// The value under `key`, if this is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(entries) = self else { return None };
        entries
            .iter()
            .find(|(name, _)| name.iter().copied().eq(key.encode_utf16()))
            .map(|(_, value)| value)
    }

    /// The text, if this is text without lone surrogates.
    pub(crate) fn as_text(&self) -> Option<String> {
        match self {
            Self::Text(units) => String::from_utf16(units).ok(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) | None => Err(self.malformed()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.expect(b'{')?;
        // Ordered by key rather than searched one by one: a body full of keys must not be slow.
        let mut entries: BTreeMap<Text, (usize, Json)> = BTreeMap::new();
        self.skip_space();
        if !self.take(b'}') {
            loop {
                self.skip_space();
                let key = self.string()?;
                self.skip_space();
                self.expect(b':')?;
                let value = self.value(depth + 1)?;
                let place = entries.len();
                entries.entry(key).or_insert((place, Json::Null)).1 = value;
                self.skip_space();
                if self.take(b'}') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries
            .sort_by_cached_key(|(key, (place, _))| (array_index(key).unwrap_or(u32::MAX), *place));
        Ok(Json::Object(entries.into_iter().map(|(key, (_, value))| (key, value)).collect()))
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<Text, JsonError> {
        self.expect(b'"')?;
        let mut units = Text::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            // Every byte that ends a run is ASCII, so a run ends between characters.
            let run = self.text.get(start..self.at).unwrap_or_default();
            if run.is_ascii() {
                units.extend(run.bytes().map(u16::from));
            } else {
                units.extend(run.encode_utf16());
            }
            if self.take(b'"') {
                return Ok(units);
            }
            self.expect(b'\\')?;
            units.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<u16, JsonError> {
        let unit = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => u16::from(byte),
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => 0x0a,
            Some(b'r') => 0x0d,
            Some(b't') => 0x09,
            Some(b'u') => {
                self.at += 1;
                return self.four_hex_digits();
            }
            Some(_) | None => return Err(self.malformed()),
        };
        self.at += 1;
        Ok(unit)
    }

    fn four_hex_digits(&mut self) -> Result<u16, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.ok_or_else(|| self.malformed())?;
            unit = unit * 16 + digit;
            self.at += 1;
        }
        u16::try_from(unit).map_err(|_| self.malformed())
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        text.parse().map(Json::Number).map_err(|_| self.malformed())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.malformed()) }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.malformed());
        }
        self.at += word.len();
        Ok(value)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.malformed()) }
    }

    fn malformed(&self) -> JsonError {
        JsonError::Malformed { at: self.at }
    }
}

/// The number a key is listed by, when it is an array index as ECMAScript defines it: digits
/// without a leading zero, below 2^32 - 1.
fn array_index(key: &[u16]) -> Option<u32> {
    if !key.first().is_some_and(|unit| (u16::from(b'0')..=u16::from(b'9')).contains(unit)) {
        return None;
    }
    let key = String::from_utf16(key).ok()?;
    let plain = key == "0" || !key.starts_with('0');
    if !plain || key.len() > 10 || !key.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    key.parse().ok().filter(|index| *index < u32::MAX)
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
