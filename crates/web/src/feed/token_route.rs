//! `POST /v1/users/{user_id}/token`: a token for a user, for backends that rather ask than sign.

use crate::error::ApiError;
use crate::feed::access::{Asker, By};
use crate::feed::token;
use crate::feed::view::TokenView;
use crate::router::Shared;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use relink_core::Timestamp;

/// A token for one user, good for 15 minutes. Only for a key: a token cannot prolong itself.
#[utoipa::path(
    post, path = "/v1/users/{user_id}/token", operation_id = "mint_user_token", tag = "in-app",
    params(("user_id" = String, Path, description = "Your id of the end user")),
    responses(
        (status = 200, description = "The token", body = TokenView),
        (status = 400, description = "A user_id that cannot be"),
        (status = 401, description = "No key"),
        (status = 403, description = "A token, where a key is needed"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn mint(
    State(shared): State<Shared>,
    Extension(asker): Extension<Asker>,
) -> Result<Response, ApiError> {
    let By::Key(id) = &asker.by else { return Err(ApiError::NotYours) };
    let key = shared.keys.iter().find(|key| key.id == *id).ok_or(ApiError::NotAuthenticated)?;
    let (token, expires_at) = token::mint(key, &asker.user_id, Timestamp::now());
    let view = TokenView { token, expires_at: expires_at.to_string() };
    let mut response = Json(view).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
