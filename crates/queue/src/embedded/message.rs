//! How a message lies in a topic's log: version, trace, body. Format 1: a byte 1, a byte with
//! the length of the `traceparent` text (0 for none), that text, the body.

use bytes::{BufMut, Bytes, BytesMut};
use relink_core::trace::TraceContext;

const VERSION: u8 = 1;

/// The bytes to append.
pub(super) fn encode(trace: Option<TraceContext>, body: &Bytes) -> Bytes {
    let trace = trace.map(|trace| trace.to_string()).unwrap_or_default();
    let mut out = BytesMut::with_capacity(2 + trace.len() + body.len());
    out.put_u8(VERSION);
    // The text has 55 bytes.
    out.put_u8(u8::try_from(trace.len()).unwrap_or(u8::MAX));
    out.put_slice(trace.as_bytes());
    out.put_slice(body);
    out.freeze()
}

/// Trace and body; `None` for bytes of another format.
pub(super) fn decode(record: &Bytes) -> Option<(Option<TraceContext>, Bytes)> {
    let [VERSION, len, ..] = record.get(..2)? else { return None };
    let body_at = 2 + usize::from(*len);
    let trace = std::str::from_utf8(record.get(2..body_at)?).ok()?;
    // A trace that cannot be read is worth less than the message: it starts a new one.
    Some((trace.parse().ok(), record.slice(body_at..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_one_is_read_and_written_to_the_letter() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let with = Bytes::from(format!("\u{1}\u{37}{trace}body"));
        let context: TraceContext = trace.parse().unwrap();
        assert_eq!(decode(&with), Some((Some(context), Bytes::from_static(b"body"))));
        assert_eq!(encode(Some(context), &Bytes::from_static(b"body")), with);

        let without = Bytes::from_static(b"\x01\x00body");
        assert_eq!(decode(&without), Some((None, Bytes::from_static(b"body"))));
        assert_eq!(encode(None, &Bytes::from_static(b"body")), without);
    }

    #[test]
    fn other_bytes_are_told_apart() {
        for other in [&b""[..], b"\x01", b"\x02\x00body", b"\x01\x05body", b"\x01\x01\xff"] {
            assert_eq!(decode(&Bytes::copy_from_slice(other)), None, "{other:?}");
        }
    }
}
