//! What the customer's app met: an answer of Cobalt's, handed over as
//! `{"account_ref", "status", "body", "id"?, "occurred_at"?}`. Ours only when it is a 403 whose
//! body says `login_required`: a 403 can also mean that the app's own credentials are refused.
//!
//! The app will report the same broken login once for every call it tries. Reports of one
//! account with the same `id` are one event; without an `id`, so are those of one minute.

use crate::event::ParseError;
use crate::json::Json;
use jiff::Timestamp;
use relink_core::id::{AccountRef, EventId};
use relink_core::seal::sha256_hex;
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::whole_millis;
use relink_core::trace::TraceContext;

/// The longest `id` of a report, in bytes.
const MAX_ID_BYTES: usize = 200;

/// What a report is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The account's login is broken.
    LoginRequired(Box<Signal>),
    /// Some other answer; nothing follows from it.
    SomethingElse,
}

/// Reads a report that came with a valid app key.
///
/// # Errors
/// See [`ParseError`]; this is our own interface, so unlike a webhook it is read strictly.
pub fn parse_report(
    bytes: &[u8],
    received_at: Timestamp,
    trace: Option<TraceContext>,
) -> Result<Report, ParseError> {
    let report = Json::parse(bytes)?;
    if !matches!(report, Json::Object(_)) {
        return Err(ParseError::NotAnObject);
    }
    let account_ref = account_ref(&report)?;
    if !says_login_required(&report)? {
        return Ok(Report::SomethingElse);
    }
    let occurred_at = occurred_at(&report, received_at)?;
    let name = event_name(&report, &account_ref, occurred_at)?;
    let event_id = EventId::parse(&format!("report:{name}"))
        .map_err(|_| ParseError::Invalid { field: "id", why: "cannot be hashed" })?;
    Ok(Report::LoginRequired(Box::new(Signal {
        event_id,
        account_ref,
        kind: SignalKind::LoginRequired,
        source: SignalSource::AppReport,
        occurred_at,
        received_at: whole_millis(received_at),
        emr_instance_domain: None,
        error_type: None,
        // Of what makes the event, not of the body: the same id must carry the same digest,
        // and the wording of the 403 may change from one repeat to the next.
        digest: name,
        trace,
    })))
}

fn account_ref(report: &Json) -> Result<AccountRef, ParseError> {
    const FIELD: &str = "account_ref";
    let value = report.get(FIELD).ok_or(ParseError::Missing { field: FIELD })?;
    let invalid = ParseError::Invalid {
        field: FIELD,
        why: "is not text of 1 to 200 bytes without control characters",
    };
    value.as_text().and_then(|text| AccountRef::parse(&text).ok()).ok_or(invalid)
}

fn says_login_required(report: &Json) -> Result<bool, ParseError> {
    let status = match report.get("status") {
        Some(Json::Number(status)) => *status,
        Some(Json::Null | Json::Bool(_) | Json::Text(_) | Json::Array(_) | Json::Object(_)) => {
            return Err(ParseError::Invalid { field: "status", why: "is not a number" });
        }
        None => return Err(ParseError::Missing { field: "status" }),
    };
    let body = report.get("body").ok_or(ParseError::Missing { field: "body" })?;
    let error = body.get("error").and_then(Json::as_text);
    Ok(status == 403.0 && error.as_deref() == Some("login_required"))
}

/// When the app met it, as it says; else `received_at`, by this host's clock.
fn occurred_at(report: &Json, received_at: Timestamp) -> Result<Timestamp, ParseError> {
    let Some(value) = report.get("occurred_at").filter(|value| **value != Json::Null) else {
        return Ok(whole_millis(received_at));
    };
    let parsed = value.as_text().and_then(|text| text.parse::<Timestamp>().ok());
    let at = parsed.ok_or(ParseError::Invalid {
        field: "occurred_at",
        why: "is not a time with an offset (RFC 3339, such as 2025-10-21T14:30:00Z)",
    })?;
    Ok(whole_millis(at))
}

/// A hash of what makes two reports the same event. Length-prefixed, so that no two different
/// pairs read the same; the account takes part, so that an app may number per account.
fn event_name(
    report: &Json,
    account_ref: &AccountRef,
    occurred_at: Timestamp,
) -> Result<String, ParseError> {
    let account = account_ref.as_str();
    let within = match report.get("id").filter(|value| **value != Json::Null) {
        Some(id) => format!("id/{}", report_id(id)?),
        None => format!("minute/{}", occurred_at.as_second().div_euclid(60)),
    };
    Ok(sha256_hex(format!("{}/{account}/{within}", account.len()).as_bytes()))
}

fn report_id(value: &Json) -> Result<String, ParseError> {
    let usable = |text: &String| !text.is_empty() && text.len() <= MAX_ID_BYTES;
    value
        .as_text()
        .filter(usable)
        .ok_or(ParseError::Invalid { field: "id", why: "is not text of 1 to 200 bytes" })
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
