//! Headers that any publisher may have put on a message. Each line of the input is one: a
//! letter for the type, the name, `=`, the value.

use super::*;
use lapin::types::FieldArray;
use relink_fuzz::Target;

fn value(kind: u8, text: &str) -> AMQPValue {
    let number = text.parse::<i64>().unwrap_or_default();
    match kind {
        b's' => ShortString::try_new(text).map_or(AMQPValue::Void, AMQPValue::ShortString),
        b't' => AMQPValue::Timestamp(text.parse().unwrap_or(u64::MAX)),
        b'n' => AMQPValue::LongLongInt(number),
        b'b' => AMQPValue::Boolean(number == 0),
        b'd' => {
            let mut death = FieldTable::default();
            death.insert("time".into(), value(b't', text));
            AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(death)]))
        }
        _ => AMQPValue::LongString(LongString::from(text)),
    }
}

/// The properties that the input describes, and the id it gives to the message.
fn described(text: &str) -> (BasicProperties, String) {
    let (mut headers, mut id) = (FieldTable::default(), String::new());
    for line in text.lines() {
        let Some((name, text)) = line.split_once('=') else { continue };
        let Some((kind, name)) = name.split_at_checked(1) else { continue };
        if name == "id" {
            id = text.to_owned();
        } else if let Ok(name) = ShortString::try_new(name) {
            headers.insert(name, value(kind.as_bytes()[0], text));
        }
    }
    (BasicProperties::default().with_headers(headers).with_message_id(short(&id)), id)
}

#[test]
fn headers_of_messages() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "headers");
    let words: &[&[u8]] = &[b"\nlrelink-topic=", b"\ndx-death=", b"\nltraceparent=", b"\nsid="];
    target.words(words).rounds(4_000).run(|bytes, _| {
        let text = String::from_utf8_lossy(bytes);
        let (properties, id) = described(&text);
        let named = id_of(&properties);
        assert!(id.starts_with(&named) && named.len() <= 255, "an id is cut, never changed");
        if let Some(at) = broker_died_at(&properties) {
            assert_eq!(at.subsec_nanosecond(), 0);
        }
        let trace = trace_of(&properties);
        if let Some(trace) = trace {
            assert_eq!(
                header(&properties, trace::HEADER).and_then(|it| it.parse().ok()),
                Some(trace)
            );
        }
        // Buried by us, it says so: what a foreign publisher wrote there does not survive.
        let buried = buried(&named, Topic::Signals, trace, DeadReason::Malformed);
        assert_eq!(header(&buried, REASON).as_deref(), Some("malformed"));
        assert_eq!(header(&buried, TOPIC).as_deref(), Some("signals"));
        assert_eq!((id_of(&buried), trace_of(&buried)), (named, trace));
    });
}
