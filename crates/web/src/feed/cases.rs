//! `GET /v1/users/{user_id}/cases`: what is open for a user, once.

use crate::error::ApiError;
use crate::feed::access::Asker;
use crate::feed::view::{FeedView, Shown};
use crate::feed::wording::Lang;
use crate::router::Shared;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

/// In which language.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedQuery {
    /// `en` or `es`, or a longer BCP 47 tag of theirs; else what `Accept-Language` names first.
    pub(crate) lang: Option<String>,
}

pub(crate) type InQuery = Result<Query<FeedQuery>, QueryRejection>;

pub(crate) fn lang(query: InQuery, headers: &HeaderMap) -> Result<Lang, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::BadRequest(error.body_text()))?;
    Ok(Lang::asked(query.lang.as_deref(), headers))
}

/// A user's open cases, as the app shows them.
#[utoipa::path(
    get, path = "/v1/users/{user_id}/cases", operation_id = "list_users_cases", tag = "in-app",
    params(("user_id" = String, Path, description = "Your id of the end user"), FeedQuery),
    responses(
        (status = 200, description = "What is open", body = FeedView),
        (status = 400, description = "A user_id or a parameter that cannot be"),
        (status = 401, description = "Neither a key nor a token that holds"),
        (status = 403, description = "The token of another user"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = []), ("user_token" = [])),
)]
pub(crate) async fn list(
    State(shared): State<Shared>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    query: InQuery,
) -> Result<Response, ApiError> {
    let lang = lang(query, &headers)?;
    let found = shared.store.open_cases_of_users(&[asker.user_id]).await?;
    let rules = &shared.rules;
    let shown: Vec<Shown> =
        found.cases.iter().map(|row| Shown::of(row, rules, found.now)).collect();
    let mut response = Json(FeedView::of(&shown, lang)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
