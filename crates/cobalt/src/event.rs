//! What a verified webhook says. Three event types are ours; every other one is named and let
//! go, because its body may hold what must never be kept.
//!
//! Tolerant where Cobalt's pages disagree or are silent, and it says where it had to be
//! ([`Oddity`]). Errors name the field, never its value; Cobalt's `message` is never kept.

use crate::json::{Json, JsonError};
use crate::stringify::{number_text, stringify};
use crate::verify::VerifiedRequest;
use jiff::Timestamp;
use relink_core::id::{AccountRef, EventId};
use relink_core::seal::sha256_hex;
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::whole_millis;
use relink_core::trace::TraceContext;

/// The header that repeats the event's id. Not signed: compared with the signed id, and used
/// only when there is none.
pub const EVENT_ID_HEADER: &str = "webhook-id";

/// The longest EHR instance that is kept, in bytes.
pub(crate) const MAX_DOMAIN_BYTES: usize = 300;
/// The longest `error_type` that is kept, in bytes.
pub(crate) const MAX_ERROR_TYPE_BYTES: usize = 100;
/// The longest event type that is named, in characters.
const MAX_TYPE_CHARS: usize = 100;

/// What came with the body.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When we got it.
    pub received_at: Timestamp,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// The value of [`EVENT_ID_HEADER`].
    pub webhook_id: Option<&'a str>,
}

/// What a webhook is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// One of ours.
    Ours(Box<Reading>),
    /// Somebody else's business: to be acknowledged, counted and forgotten.
    Ignored {
        /// Its type, cut to 100 printable characters. An open set: no metric label.
        event_type: String,
    },
}

/// An event of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The fact.
    pub signal: Signal,
    /// What was unusual about it, for counters and logs.
    pub oddities: Vec<Oddity>,
}

/// Something that Cobalt's pages do not promise but that we live with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// No `id`, or one that cannot be one: the header's stands in, or the body's hash.
    IdUnusable,
    /// The header names another id than the signed body: the signed one counts.
    HeaderIdDiffers,
    /// Envelope and `data` name different accounts: the envelope's counts.
    AccountRefsDiffer,
    /// `created` is no time with an offset: the time of arrival stands in.
    CreatedUnreadable,
}

impl Oddity {
    /// For logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IdUnusable => "id_unusable",
            Self::HeaderIdDiffers => "header_id_differs",
            Self::AccountRefsDiffer => "account_refs_differ",
            Self::CreatedUnreadable => "created_unreadable",
        }
    }
}

/// Why a body cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not JSON that we read.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// JSON, but no object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// A field that we cannot do without is not there.
    #[error("the field {field} is missing")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// A field that we cannot do without cannot be what it must be.
    #[error("the field {field} {why}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it, without its value.
        why: &'static str,
    },
}

/// Reads a verified webhook.
///
/// # Errors
/// See [`ParseError`]. Events that are not ours are not looked into beyond their type.
pub fn parse(request: &VerifiedRequest, arrival: Arrival<'_>) -> Result<Parsed, ParseError> {
    let body = Json::parse(request.body())?;
    if !matches!(body, Json::Object(_)) {
        return Err(ParseError::NotAnObject);
    }
    let event_type = body.get("type").ok_or(ParseError::Missing { field: "type" })?;
    let event_type =
        event_type.as_text().ok_or(ParseError::Invalid { field: "type", why: "is not text" })?;
    let Some(kind) = kind_of(&event_type) else {
        return Ok(Parsed::Ignored { event_type: shown_type(&event_type) });
    };
    let mut oddities = Vec::new();
    let digest = sha256_hex(stringify(&body).as_bytes());
    let signal = Signal {
        event_id: event_id(&body, arrival.webhook_id, &digest, &mut oddities)?,
        account_ref: account_ref(&body, &mut oddities)?,
        kind,
        source: SignalSource::CobaltWebhook,
        occurred_at: occurred_at(&body, arrival.received_at, &mut oddities),
        received_at: whole_millis(arrival.received_at),
        emr_instance_domain: data_word(&body, "emr_instance_domain", MAX_DOMAIN_BYTES),
        error_type: data_word(&body, "error_type", MAX_ERROR_TYPE_BYTES),
        digest,
        trace: arrival.trace,
    };
    Ok(Parsed::Ours(Box::new(Reading { signal, oddities })))
}

/// The kind of an event type, if it is one of ours.
pub(crate) fn kind_of(event_type: &str) -> Option<SignalKind> {
    match event_type {
        "access_token.login_required" | "login_required" => Some(SignalKind::LoginRequired),
        "access_token.password_change_warning" => Some(SignalKind::PasswordChangeWarning),
        _ => None,
    }
}

fn shown_type(event_type: &str) -> String {
    event_type.chars().filter(|c| !c.is_control()).take(MAX_TYPE_CHARS).collect()
}

/// The signed id; without a usable one the header's; without that the hash of the body.
pub(crate) fn event_id(
    body: &Json,
    header: Option<&str>,
    digest: &str,
    oddities: &mut Vec<Oddity>,
) -> Result<EventId, ParseError> {
    let header = header.and_then(|text| EventId::parse(text).ok());
    let signed = body.get("id").and_then(opaque_text).and_then(|text| EventId::parse(&text).ok());
    if let Some(signed) = signed {
        if header.is_some_and(|header| header != signed) {
            oddities.push(Oddity::HeaderIdDiffers);
        }
        return Ok(signed);
    }
    oddities.push(Oddity::IdUnusable);
    let from_body = || EventId::parse(&format!("sha256:{digest}"));
    header
        .map_or_else(from_body, Ok)
        .map_err(|_| ParseError::Invalid { field: "id", why: "cannot be replaced by a hash" })
}

/// Ids are opaque: a number is as good a name as a text, unless it is beyond what JavaScript can
/// count: that is written `null`, which names nothing.
fn opaque_text(value: &Json) -> Option<String> {
    match value {
        Json::Text(_) => value.as_text(),
        Json::Number(number) if number.is_finite() => Some(number_text(*number)),
        Json::Number(_) | Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The account that envelope or `data` name.
pub(crate) fn account_ref(
    body: &Json,
    oddities: &mut Vec<Oddity>,
) -> Result<AccountRef, ParseError> {
    const FIELD: &str = "access_token_reference_id";
    let envelope = body.get(FIELD).and_then(opaque_text);
    let data = body.get("data").and_then(|data| data.get(FIELD)).and_then(opaque_text);
    let nothing_there = envelope.is_none() && data.is_none();
    let parsed = |text: Option<String>| text.and_then(|text| AccountRef::parse(&text).ok());
    match (parsed(envelope), parsed(data)) {
        (Some(envelope), Some(data)) => {
            if envelope != data {
                oddities.push(Oddity::AccountRefsDiffer);
            }
            Ok(envelope)
        }
        (Some(only), None) | (None, Some(only)) => Ok(only),
        (None, None) if nothing_there => Err(ParseError::Missing { field: FIELD }),
        (None, None) => Err(ParseError::Invalid {
            field: FIELD,
            why: "is empty, longer than 200 bytes or has a control character",
        }),
    }
}

/// `created` as it is said, and the arrival where it is not: this host's clock may be wrong, and
/// then must not move what another one said.
fn occurred_at(body: &Json, received_at: Timestamp, oddities: &mut Vec<Oddity>) -> Timestamp {
    let Some(created) = body.get("created").filter(|value| **value != Json::Null) else {
        return whole_millis(received_at);
    };
    match created.as_text().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(created) => whole_millis(created),
        None => {
            oddities.push(Oddity::CreatedUnreadable);
            whole_millis(received_at)
        }
    }
}

/// A word of `data` that is nice to have: dropped if it is too long or not printable.
fn data_word(body: &Json, field: &str, max_bytes: usize) -> Option<String> {
    let text = body.get("data")?.get(field)?.as_text()?;
    let usable = !text.is_empty() && text.len() <= max_bytes && !text.chars().any(char::is_control);
    usable.then_some(text)
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
