//! A message's properties and headers, written and read in one place.

use crate::DeadReason;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use relink_core::Timestamp;
use relink_core::trace::{self, TraceContext};
use relink_core::wire::Topic;

/// Headers of a message that we buried ourselves.
pub(crate) const REASON: &str = "relink-reason";
pub(crate) const TOPIC: &str = "relink-topic";
pub(crate) const DIED_AT: &str = "relink-died-at";

/// Header of a message that a worker replayed by itself. The broker keeps it when it buries the
/// message again; its own words about a death it takes back from nobody since 4.0. Releases that do
/// not know it deliver the message like any other.
pub(crate) const AUTO_REPLAYED: &str = "relink-auto-replayed";

/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// What every message carries. No header of an incoming message is ever copied.
pub(crate) fn properties(id: &str, kind: &str, trace: Option<TraceContext>) -> BasicProperties {
    let mut headers = FieldTable::default();
    if let Some(trace) = trace {
        headers.insert(trace::HEADER.into(), text(&trace.to_string()));
    }
    let now = Timestamp::now().as_second();
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_message_id(short(id))
        .with_type(kind.into())
        .with_timestamp(u64::try_from(now).unwrap_or(0))
        .with_headers(headers)
}

/// The properties of a copy that no worker shall replay by itself (again).
pub(crate) fn auto_replayed(
    id: &str,
    topic: Topic,
    trace: Option<TraceContext>,
) -> BasicProperties {
    with_headers(properties(id, topic.as_str(), trace), [(AUTO_REPLAYED, text("true"))])
}

/// The properties of a buried copy.
pub(crate) fn buried(
    id: &str,
    topic: Topic,
    trace: Option<TraceContext>,
    reason: DeadReason,
) -> BasicProperties {
    let headers = [
        (REASON, text(reason.as_str())),
        (TOPIC, text(topic.as_str())),
        (DIED_AT, text(&Timestamp::now().to_string())),
    ];
    with_headers(properties(id, topic.as_str(), trace), headers)
}

fn with_headers<const N: usize>(
    properties: BasicProperties,
    more: [(&str, AMQPValue); N],
) -> BasicProperties {
    let mut headers = properties.headers().clone().unwrap_or_default();
    for (name, value) in more {
        headers.insert(name.into(), value);
    }
    properties.with_headers(headers)
}

/// What AMQP can carry of a text: the first 255 bytes. Our own ids are shorter.
fn short(text: &str) -> ShortString {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    ShortString::try_new(text.get(..end).unwrap_or_default()).unwrap_or_default()
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

/// A text header.
pub(crate) fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    let value = properties.headers().as_ref()?.inner().get(name)?;
    if let AMQPValue::LongString(text) = value {
        Some(text.to_string())
    } else if let AMQPValue::ShortString(text) = value {
        Some(text.to_string())
    } else {
        None
    }
}

/// When the broker buried a message by itself; it writes whole seconds.
pub(crate) fn broker_died_at(properties: &BasicProperties) -> Option<Timestamp> {
    let AMQPValue::FieldArray(deaths) = properties.headers().as_ref()?.inner().get("x-death")?
    else {
        return None;
    };
    let AMQPValue::FieldTable(last) = deaths.as_slice().first()? else { return None };
    let AMQPValue::Timestamp(second) = last.inner().get("time")? else { return None };
    Timestamp::from_second(i64::try_from(*second).ok()?).ok()
}

/// The trace a message belongs to.
pub(crate) fn trace_of(properties: &BasicProperties) -> Option<TraceContext> {
    header(properties, trace::HEADER)?.parse().ok()
}

/// The `message_id`, empty when a foreign publisher gave none.
pub(crate) fn id_of(properties: &BasicProperties) -> String {
    properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
#[path = "envelope_fuzz.rs"]
mod fuzz;
