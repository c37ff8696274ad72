//! The pretend Cobalt's API: link tokens, settings, past events, and a 403 on every call for a
//! broken account.

use super::credentials::Credentials;
use crate::answer::Asked;
use crate::link::{Links, NoToken};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use relink_http::problem::{json, with_type};
use serde_json::{Value, json as value};
use std::collections::BTreeMap;

/// What Cobalt says with `login_required`.
const LINK_EXPIRED: &str = "Account link expired. Please go through the integration setup again.";

/// One pretend account.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) access_token: String,
    pub(super) broken: bool,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) links: Links,
    pub(super) client: Credentials,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) events: Vec<Value>,
    pub(super) listing: Listing,
    pub(super) webhooks: super::webhooks::Webhooks,
}

impl World {
    pub(super) fn set_broken(&mut self, account_ref: &str, broken: bool) {
        if let Some(account) = self.accounts.get_mut(account_ref) {
            account.broken = broken;
        }
    }
}

/// How the list of events answers, where Cobalt's pages differ or say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listing {
    /// Items as in the newer description of the call (`event_id`, …), not the older (`id`, …).
    pub newer: bool,
    /// The status in answer to a call that names no account; `None` lists account-wide.
    pub refuses_account_wide: Option<u16>,
    /// Whether it lists events for an account whose login is broken, too.
    pub lists_broken: bool,
    /// Webhook URLs: each event is listed once for each. 0 counts as 1.
    pub urls: usize,
    /// The page that is not given, and the status in its place.
    pub failing_page: Option<(usize, u16)>,
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
    if let Err(why) = world.client.check(asked) {
        return failure(StatusCode::UNAUTHORIZED, "unauthorized", why);
    }
    match (&asked.method, asked.path.as_str()) {
        (&Method::POST, "/v1/link/token/create" | "/link/token/create") => link_token(asked, world),
        (&Method::GET, "/v1/settings") => settings(asked, world),
        (&Method::GET, "/v1/webhook-events") => events(asked, world),
        (&Method::POST, "/v1/settings") => super::settings::update(asked, world),
        _ => super::webhooks::answer(asked, world)
            .unwrap_or_else(|| failure(StatusCode::NOT_FOUND, "not_found", "No such route")),
    }
}

fn link_token(asked: &Asked, world: &World) -> Response<Full<Bytes>> {
    let account_of = |token: &str| {
        let mut accounts = world.accounts.iter();
        let (reference, _) = accounts.find(|(_, account)| account.access_token == token)?;
        Some(reference.clone())
    };
    match world.links.create(asked, account_of) {
        Ok(made) => json(StatusCode::OK, &made),
        Err(NoToken { status, error, message }) => failure(status, error, message),
    }
}

fn settings(asked: &Asked, world: &World) -> Response<Full<Bytes>> {
    let token = asked.header("access_token");
    match world.accounts.iter().find(|(_, account)| account.access_token == token) {
        None => failure(StatusCode::NOT_FOUND, "not_found", "No settings"),
        Some((_, account)) if account.broken => {
            failure(StatusCode::FORBIDDEN, "login_required", LINK_EXPIRED)
        }
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
    let whose = match listed_account(asked, world) {
        Ok(whose) => whose,
        Err(refused) => return *refused,
    };
    if let Some((failing, status)) = world.listing.failing_page
        && failing == page
    {
        return faulty(ApiFault::Status(status));
    }
    let of =
        |event: &Value| whose.is_none_or(|whose| text(event, "access_token_reference_id") == whose);
    let mut matching: Vec<&Value> = world
        .events
        .iter()
        .filter(|event| is_asked_for(asked, event) && of(event))
        .flat_map(|event| std::iter::repeat_n(event, world.listing.urls.max(1)))
        .collect();
    if asked.query("sort").as_deref() != Some("created_at") {
        matching.reverse();
    }
    let shown = matching.iter().skip((page - 1) * size).take(size);
    let shown: Vec<Value> = shown.map(|event| item(event, world.listing.newer)).collect();
    json(
        StatusCode::OK,
        &value!({ "success": true, "webhook_events": shown, "pagination": {
            "current_page": page, "total_pages": matching.len().div_ceil(size),
            "total_count": matching.len(), "page_size": size,
        }}),
    )
}

/// The account whose events are asked for; `None` for all of them.
fn listed_account<'a>(
    asked: &Asked,
    world: &'a World,
) -> Result<Option<&'a str>, Box<Response<Full<Bytes>>>> {
    let token = asked.header("access_token");
    let account = world.accounts.iter().find(|(_, account)| account.access_token == token);
    let refused = match (token.is_empty(), world.listing.refuses_account_wide, account) {
        (true, None, _) => return Ok(None),
        (false, _, Some((reference, account))) if !account.broken || world.listing.lists_broken => {
            return Ok(Some(reference));
        }
        (true, Some(status), _) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
            failure(status, "access_token_required", "An access_token is required")
        }
        (false, _, Some(_)) => failure(StatusCode::FORBIDDEN, "login_required", LINK_EXPIRED),
        (false, _, None) => failure(StatusCode::UNAUTHORIZED, "unauthorized", "Unknown token"),
    };
    Err(Box::new(refused))
}

/// An event as the list shows it, in either of the two documented shapes.
fn item(event: &Value, newer: bool) -> Value {
    if !newer {
        return event.clone();
    }
    let field = |name: &str| event.get(name).cloned().unwrap_or_default();
    value!({
        "event_id": field("id"), "event_type": field("type"), "created_at": field("created"),
        "delivery_status": field("status"), "data": field("data"),
        "access_token_reference_id": field("access_token_reference_id"),
        "webhook_url": "https://relink.sandbox.invalid/webhooks/cobalt",
    })
}

fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event.get(name).and_then(Value::as_str).unwrap_or("")
}

/// The filters, under the names of both descriptions of this call; days count whole.
fn is_asked_for(asked: &Asked, event: &Value) -> bool {
    let field = |name: &str| text(event, name);
    let day = field("created").get(..10).unwrap_or("");
    let is = |name: &str, value: &str| asked.query(name).is_none_or(|wanted| wanted == value);
    is("event_type", field("type"))
        && is("delivery_status", field("status"))
        && is("status", field("status"))
        && asked.query("start_date").is_none_or(|first| *first <= *day)
        && asked.query("end_date").is_none_or(|last| *day <= *last)
}

/// What every call for a broken account is answered with.
pub(super) fn refused_as_broken() -> Response<Full<Bytes>> {
    failure(StatusCode::FORBIDDEN, "login_required", LINK_EXPIRED)
}

pub(super) fn failure(status: StatusCode, error: &str, message: &str) -> Response<Full<Bytes>> {
    json(status, &value!({ "success": false, "error": error, "message": message }))
}
