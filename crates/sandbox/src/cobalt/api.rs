//! The pretend Cobalt's API: link tokens, settings, past events, and a 403 on every call for a
//! broken account.

use crate::answer::Asked;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use relink_http::problem::{json, with_type};
use serde_json::{Value, json as value};
use std::collections::BTreeMap;

/// One pretend account.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) access_token: String,
    pub(super) broken: bool,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) events: Vec<Value>,
}

/// What goes wrong with one call to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFault {
    /// Answers this status with a body that is not Cobalt's.
    Status(u16),
    /// Answers 200 with something unreadable.
    Garbage,
}

pub(super) fn faulty(fault: ApiFault) -> Response<Full<Bytes>> {
    let (status, body) = match fault {
        ApiFault::Status(status) => (status, "upstream trouble"),
        ApiFault::Garbage => (200, "{\"success\": tr"),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_type(status, "application/json", body)
}

pub(super) fn answer(asked: &Asked, world: &mut World) -> Response<Full<Bytes>> {
    if asked.header("client_id").is_empty() || asked.header("client_secret").is_empty() {
        return failure(StatusCode::UNAUTHORIZED, "unauthorized", "Client credentials are missing");
    }
    match (&asked.method, asked.path.as_str()) {
        (&Method::POST, "/v1/link/token/create" | "/link/token/create") => link_token(asked),
        (&Method::GET, "/v1/settings") => settings(asked, world),
        (&Method::GET, "/v1/webhook-events") => events(asked, world),
        _ => failure(StatusCode::NOT_FOUND, "not_found", "No such route"),
    }
}

fn link_token(asked: &Asked) -> Response<Full<Bytes>> {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
    let given = |name: &str| body.get(name).and_then(Value::as_str).is_some_and(|s| !s.is_empty());
    if !given("user_id") || !given("org_id") {
        return failure(StatusCode::BAD_REQUEST, "bad_request", "user_id and org_id are required");
    }
    let token = format!("lt_{}", uuid::Uuid::new_v4().simple());
    json(StatusCode::OK, &value!({ "success": true, "token": token }))
}

fn settings(asked: &Asked, world: &World) -> Response<Full<Bytes>> {
    let token = asked.header("access_token");
    match world.accounts.iter().find(|(_, account)| account.access_token == token) {
        None => failure(StatusCode::NOT_FOUND, "not_found", "No settings"),
        Some((_, account)) if account.broken => failure(
            StatusCode::FORBIDDEN,
            "login_required",
            "Account link expired. Please go through the integration setup again.",
        ),
        Some((reference, _)) => json(
            StatusCode::OK,
            &value!({ "success": true, "data": {
                "access_token_reference_id": reference, "visit_types": [], "visit_statuses": [],
                "required_patient_fields": [], "timezone": "America/New_York",
            }}),
        ),
    }
}

fn events(asked: &Asked, world: &World) -> Response<Full<Bytes>> {
    let number = |name, default| {
        asked.query(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default)
    };
    let (page, size) = (number("page", 1).max(1), number("page_size", 50).clamp(1, 100));
    let mut matching: Vec<&Value> =
        world.events.iter().filter(|event| is_asked_for(asked, event)).collect();
    if asked.query("sort").as_deref() != Some("created_at") {
        matching.reverse();
    }
    let shown: Vec<&Value> = matching.iter().skip((page - 1) * size).take(size).copied().collect();
    json(
        StatusCode::OK,
        &value!({ "success": true, "webhook_events": shown, "pagination": {
            "current_page": page, "total_pages": matching.len().div_ceil(size),
            "total_count": matching.len(), "page_size": size,
        }}),
    )
}

/// The filters, under the names of both descriptions of this call; days count whole.
fn is_asked_for(asked: &Asked, event: &Value) -> bool {
    let field = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or("");
    let day = field("created").get(..10).unwrap_or("");
    let is = |name: &str, value: &str| asked.query(name).is_none_or(|wanted| wanted == value);
    is("event_type", field("type"))
        && is("delivery_status", field("status"))
        && is("status", field("status"))
        && asked.query("start_date").is_none_or(|first| *first <= *day)
        && asked.query("end_date").is_none_or(|last| *day <= *last)
}

fn failure(status: StatusCode, error: &str, message: &str) -> Response<Full<Bytes>> {
    json(status, &value!({ "success": false, "error": error, "message": message }))
}
