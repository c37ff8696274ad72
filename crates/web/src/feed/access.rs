//! Who may ask for a user's cases: the app's backend with a key, or the user's own page with a token
//! that the backend signed. Neither travels by itself as a cookie does, so no other site can make a
//! browser ask (which is why no answer here needs a guard against forged requests).

use crate::error::ApiError;
use crate::feed::token::{is_user_id, verify};
use crate::router::Shared;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::AUTHORIZATION;
use relink_config::authenticate;
use relink_core::Timestamp;
use relink_core::visit::Visitor;

/// Whose cases are asked for, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) user_id: String,
    pub(crate) by: By,
}

/// What the request proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    /// A key, by its id.
    Key(String),
    /// A token of the user, which ends then.
    Token(Timestamp),
}

impl Asker {
    /// A backend may ask without anybody there; a page has somebody before it.
    pub(crate) fn visitor(&self) -> Visitor {
        match self.by {
            By::Key(_) => Visitor::Unproven,
            By::Token(_) => Visitor::Person,
        }
    }
}

/// Lets those through who may ask, with [`Asker`] as an extension.
pub(crate) async fn guard(
    State(shared): State<Shared>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let params = params.as_ref().ok();
    match asker(&shared, header, params, Timestamp::now()) {
        Ok(asker) => {
            request.extensions_mut().insert(asker);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn asker(
    shared: &Shared,
    header: Option<&str>,
    params: Option<&RawPathParams>,
    now: Timestamp,
) -> Result<Asker, ApiError> {
    // Every role covers the feed.
    let (by, sub) = match authenticate(&shared.keys, header) {
        Ok(key) => (By::Key(key.id.clone()), None),
        Err(_) => {
            let token = bearer(header).and_then(|token| verify(&shared.keys, token, now).ok());
            let token = token.ok_or(ApiError::NotAuthenticated)?;
            (By::Token(token.expires_at), Some(token.user_id))
        }
    };
    let params = params
        .ok_or_else(|| ApiError::BadRequest("The path is not percent-encoded UTF-8.".to_owned()))?;
    let named = params.into_iter().find(|(name, _)| *name == "user_id");
    let user_id = named.map(|(_, text)| text).filter(|text| is_user_id(text));
    let user_id = user_id.ok_or_else(|| {
        ApiError::BadRequest("user_id: is not 1 to 300 bytes without control characters".to_owned())
    })?;
    if sub.is_some_and(|sub| sub != user_id) {
        return Err(ApiError::NotYours);
    }
    Ok(Asker { user_id: user_id.to_owned(), by })
}

fn bearer(header: Option<&str>) -> Option<&str> {
    let (scheme, token) = header?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
