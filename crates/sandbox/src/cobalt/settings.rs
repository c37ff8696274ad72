//! Naming a pretend account: `POST /v1/settings` sets `access_token_reference_id`, and that is
//! all it takes.

use super::PretendCobalt;
use super::api::{World, failure, refused_as_broken};
use super::lock;
use crate::answer::Asked;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use relink_http::problem::json;
use serde_json::{Value, json as value};

impl PretendCobalt {
    /// The name under which an account is known, by its access token.
    pub fn reference_of(&self, access_token: &str) -> Option<String> {
        let world = lock(&self.world);
        let mut accounts = world.accounts.iter();
        let found = accounts.find(|(_, account)| account.access_token == access_token);
        found.map(|(reference, _)| reference.clone())
    }
}

pub(super) fn update(asked: &Asked, world: &mut World) -> Response<Full<Bytes>> {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
    let fields = body.as_object().map_or(0, serde_json::Map::len);
    let wanted = body.get("access_token_reference_id").and_then(Value::as_str).unwrap_or("");
    if wanted.is_empty() || fields != 1 {
        let message = "access_token_reference_id is required, and no other fields are accepted";
        return failure(StatusCode::BAD_REQUEST, "bad_request", message);
    }
    let token = asked.header("access_token");
    let found = world.accounts.iter().find(|(_, account)| account.access_token == token);
    let Some((reference, account)) = found.map(|(name, account)| (name.clone(), account.clone()))
    else {
        return failure(StatusCode::NOT_FOUND, "not_found", "No settings");
    };
    if account.broken {
        return refused_as_broken();
    }
    world.accounts.remove(&reference);
    world.accounts.insert(wanted.to_owned(), account);
    json(
        StatusCode::OK,
        &value!({ "success": true, "data": { "access_token_reference_id": wanted } }),
    )
}
