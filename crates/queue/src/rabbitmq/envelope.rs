//! A message's properties and headers, written and read in one place.

use crate::DeadReason;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use relink_core::Timestamp;
use relink_core::trace::{self, TraceContext};
use relink_core::wire::Topic;

/// Headers of a message that we buried ourselves.
pub(crate) const REASON: &str = "relink-reason";
pub(crate) const TOPIC: &str = "relink-topic";
pub(crate) const DIED_AT: &str = "relink-died-at";

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
        .with_message_id(id.into())
        .with_type(kind.into())
        .with_timestamp(u64::try_from(now).unwrap_or(0))
        .with_headers(headers)
}

/// The properties of a buried copy.
pub(crate) fn buried(
    id: &str,
    topic: Topic,
    trace: Option<TraceContext>,
    reason: DeadReason,
) -> BasicProperties {
    let properties = properties(id, topic.as_str(), trace);
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert(REASON.into(), text(reason.as_str()));
    headers.insert(TOPIC.into(), text(topic.as_str()));
    headers.insert(DIED_AT.into(), text(&Timestamp::now().to_string()));
    properties.with_headers(headers)
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

/// The trace a message belongs to.
pub(crate) fn trace_of(properties: &BasicProperties) -> Option<TraceContext> {
    header(properties, trace::HEADER)?.parse().ok()
}

/// The `message_id`, empty when a foreign publisher gave none.
pub(crate) fn id_of(properties: &BasicProperties) -> String {
    properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}
