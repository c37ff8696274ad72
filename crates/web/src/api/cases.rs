//! `/v1/cases`: what is open, what happened, and an operator's hand on it.

use crate::api::cursor;
use crate::api::views::{CaseDetail, CasePage, CaseView};
use crate::error::ApiError;
use crate::router::Shared;
use axum::Extension;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use relink_core::id::{AccountRef, CaseId, OperatorId};
use relink_store::{CaseFilter, Operated, OperatorAct};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which cases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only open (`true`) or only closed (`false`) ones.
    open: Option<bool>,
    /// Only of this account.
    account_ref: Option<String>,
    /// Only of this user's accounts.
    user_id: Option<String>,
    /// 1 to 200; 50 if not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// The `next` of a previous page.
    cursor: Option<String>,
}

/// Cases, newest first.
#[utoipa::path(
    get, path = "/v1/cases", operation_id = "list_cases", tag = "cases", params(ListQuery),
    responses(
        (status = 200, description = "A page", body = CasePage),
        (status = 400, description = "A parameter that cannot be"),
        (status = 401, description = "No key"), (status = 403, description = "Wrong role"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn list(
    State(shared): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<CasePage>, ApiError> {
    let Query(query) = query.map_err(|error| ApiError::BadRequest(error.body_text()))?;
    let limit = cursor::limit(query.limit)?;
    let account_ref = query.account_ref.as_deref().map(AccountRef::parse).transpose();
    let filter = CaseFilter {
        open: query.open,
        account_ref: account_ref.map_err(|error| ApiError::BadRequest(error.to_string()))?,
        user_id: query.user_id,
        before: cursor::decode(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let cases = shared.store.cases(&filter).await?;
    let (cases, next) = cursor::page(cases, limit, |last| (last.opened_at, last.id));
    Ok(Json(CasePage { cases: cases.into_iter().map(CaseView::from).collect(), next }))
}

/// A case's id as the path gives it; what cannot be one names no case.
type InPath = Result<Path<String>, PathRejection>;

fn case_id(given: InPath) -> Result<CaseId, ApiError> {
    let id = given.ok().and_then(|Path(text)| text.parse().ok());
    id.ok_or(ApiError::NotFound("No such case."))
}

/// One case with everything that happened to it.
#[utoipa::path(
    get, path = "/v1/cases/{case_id}", operation_id = "get_case", tag = "cases",
    params(("case_id" = String, Path)),
    responses(
        (status = 200, description = "The case", body = CaseDetail),
        (status = 401, description = "No key"), (status = 403, description = "Wrong role"),
        (status = 404, description = "No such case"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    id: InPath,
) -> Result<Json<CaseDetail>, ApiError> {
    detail(&shared, case_id(id)?).await
}

async fn detail(shared: &Shared, id: CaseId) -> Result<Json<CaseDetail>, ApiError> {
    let history = shared.store.case(id).await?;
    let history = history.ok_or(ApiError::NotFound("No such case."))?;
    Ok(Json(CaseDetail::from(history)))
}

/// Closes an open case; what was still planned is cancelled.
#[utoipa::path(
    post, path = "/v1/cases/{case_id}/close", operation_id = "close_case", tag = "cases",
    params(("case_id" = String, Path)),
    responses(
        (status = 200, description = "Closed", body = CaseDetail),
        (status = 401, description = "No key"), (status = 403, description = "Wrong role"),
        (status = 404, description = "No such case"),
        (status = 409, description = "Already closed"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn close(
    State(shared): State<Shared>,
    Extension(operator): Extension<OperatorId>,
    id: InPath,
) -> Result<Json<CaseDetail>, ApiError> {
    let id = case_id(id)?;
    operate(&shared, &operator, id, &OperatorAct::CloseCase(id)).await
}

/// Lets an open case wait: nothing is sent until it is released.
#[utoipa::path(
    post, path = "/v1/cases/{case_id}/hold", operation_id = "hold_case", tag = "cases",
    params(("case_id" = String, Path)),
    responses(
        (status = 200, description = "Held", body = CaseDetail),
        (status = 401, description = "No key"), (status = 403, description = "Wrong role"),
        (status = 404, description = "No such case"),
        (status = 409, description = "Not open, or held already"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn hold(
    State(shared): State<Shared>,
    Extension(operator): Extension<OperatorId>,
    id: InPath,
) -> Result<Json<CaseDetail>, ApiError> {
    let id = case_id(id)?;
    operate(&shared, &operator, id, &OperatorAct::HoldCase(id)).await
}

/// Lifts a hold; what has come due meanwhile goes out, unless it is too late for it.
#[utoipa::path(
    post, path = "/v1/cases/{case_id}/release", operation_id = "release_case", tag = "cases",
    params(("case_id" = String, Path)),
    responses(
        (status = 200, description = "Released", body = CaseDetail),
        (status = 401, description = "No key"), (status = 403, description = "Wrong role"),
        (status = 404, description = "No such case"),
        (status = 409, description = "Not held"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn release(
    State(shared): State<Shared>,
    Extension(operator): Extension<OperatorId>,
    id: InPath,
) -> Result<Json<CaseDetail>, ApiError> {
    let id = case_id(id)?;
    operate(&shared, &operator, id, &OperatorAct::ReleaseCase(id)).await
}

async fn operate(
    shared: &Shared,
    operator: &OperatorId,
    id: CaseId,
    act: &OperatorAct,
) -> Result<Json<CaseDetail>, ApiError> {
    let operated = shared.store.operate(operator, act).await?;
    let detail = detail(shared, id).await?;
    match operated {
        Operated::Done { .. } => Ok(detail),
        Operated::NothingToDo | Operated::CaseClosed | Operated::ReplayedBefore(_) => {
            Err(ApiError::Conflict("The case is not in a state in which this changes anything."))
        }
    }
}
