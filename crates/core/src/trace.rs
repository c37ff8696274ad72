//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>, level 1): one trace from the
//! webhook to the delivery, carried in AMQP headers, spooled records and stored rows.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The header, in HTTP and AMQP alike.
pub const HEADER: &str = "traceparent";

/// A trace and the span in it that caused what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

impl TraceContext {
    /// A new trace from random numbers; zero, which the standard forbids, becomes one.
    pub fn from_random(trace_id: u128, span_id: u64) -> Self {
        Self { trace_id: trace_id.max(1), span_id: span_id.max(1), sampled: true }
    }

    /// The same trace with another span, for what this process does in it.
    #[must_use]
    pub fn child(self, span_id: u64) -> Self {
        Self { span_id: span_id.max(1), ..self }
    }

    /// The trace id as 32 hex digits, for logs.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Not a `traceparent` value; the standard says to start a new trace then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent value")]
pub struct InvalidTrace;

impl FromStr for TraceContext {
    type Err = InvalidTrace;

    fn from_str(text: &str) -> Result<Self, InvalidTrace> {
        let mut parts = text.split('-');
        let (Some(version), Some(trace), Some(span), Some(flags)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidTrace);
        };
        let hex = |part: &str, len: usize| {
            part.len() == len
                && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let version_fits =
            hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        if !version_fits || !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
            return Err(InvalidTrace);
        }
        let trace_id = u128::from_str_radix(trace, 16).map_err(|_| InvalidTrace)?;
        let span_id = u64::from_str_radix(span, 16).map_err(|_| InvalidTrace)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| InvalidTrace)?;
        if trace_id == 0 || span_id == 0 {
            return Err(InvalidTrace);
        }
        Ok(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

impl Serialize for TraceContext {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_examples() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(
            good.parse::<TraceContext>().map(|trace| trace.to_string()),
            Ok(good.to_owned())
        );
        for bad in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        ] {
            assert_eq!(bad.parse::<TraceContext>(), Err(InvalidTrace), "{bad}");
        }
        assert!(
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"
                .parse::<TraceContext>()
                .is_ok()
        );
    }
}
