//! `/v1/attempts`: every try to reach somebody, newest first.

use crate::api::cursor;
use crate::api::views::{AttemptPage, AttemptView};
use crate::error::ApiError;
use crate::router::Shared;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use relink_core::attempt::OutcomeKind;
use relink_core::id::{AccountRef, CaseId};
use relink_store::AttemptFilter;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which attempts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only of this case.
    case_id: Option<String>,
    /// Only of this account.
    account_ref: Option<String>,
    /// Only those that ended like this: `accepted`, `deferred`, `rejected` or `unknown`.
    outcome: Option<String>,
    /// 1 to 200; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// The `next` of a previous page.
    cursor: Option<String>,
}

/// Attempts, newest first.
#[utoipa::path(
    get, path = "/v1/attempts", operation_id = "list_attempts", tag = "attempts", params(ListQuery),
    responses(
        (status = 200, description = "A page", body = AttemptPage),
        (status = 400, description = "A parameter that cannot be"),
        (status = 401, description = "No key"), (status = 403, description = "Wrong role"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn list(
    State(shared): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<AttemptPage>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::BadRequest(error.body_text()))?;
    let limit = cursor::limit(query.limit)?;
    let bad = |error: relink_core::id::InvalidValue| ApiError::BadRequest(error.to_string());
    let filter = AttemptFilter {
        case_id: query.case_id.as_deref().map(str::parse::<CaseId>).transpose().map_err(bad)?,
        account_ref: query
            .account_ref
            .as_deref()
            .map(AccountRef::parse)
            .transpose()
            .map_err(bad)?,
        outcome: query
            .outcome
            .as_deref()
            .map(str::parse::<OutcomeKind>)
            .transpose()
            .map_err(bad)?,
        before: cursor::decode(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let attempts = shared.store.attempts(&filter).await?;
    let (attempts, next) =
        cursor::page(attempts, limit, |last| (last.started_at, last.notification_id, last.number));
    Ok(Json(AttemptPage { attempts: attempts.into_iter().map(AttemptView::from).collect(), next }))
}
