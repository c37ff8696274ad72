//! `/v1/accounts/{account_ref}`: the customer's app registers whom to tell about what.

use crate::api::views::{AccountBody, AccountView, RelinkedView};
use crate::error::ApiError;
use crate::router::Shared;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use hyper::header::HeaderValue;
use hyper::{StatusCode, header};
use relink_core::Timestamp;
use relink_core::account::AccountInput;
use relink_core::case::CloseReason;
use relink_core::id::{AccountRef, CaseId, EventId};
use relink_core::seal::sha256_hex;
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::since;
use relink_http::body;
use relink_store::{CaseHistory, OpenCase};
use serde_json::error::Category;
use std::time::Duration;

/// The largest account, in bytes: 20 contacts fit many times over.
const MAX_BODY: usize = 64 * 1024;

/// The longest text of serde's that is passed on, in bytes: a key can be as long as a body.
const MAX_EXPLAINED: usize = 500;

/// For the whole body to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// An account's name as the path gives it.
type InPath = Result<Path<String>, PathRejection>;

fn account_ref(given: InPath) -> Result<AccountRef, ApiError> {
    let Path(text) = given
        .map_err(|_| ApiError::BadRequest("AccountRef: is not percent-encoded UTF-8".to_owned()))?;
    AccountRef::parse(&text).map_err(|error| ApiError::BadRequest(error.to_string()))
}

/// Registers or replaces an account. An open case that waited for it goes on at once.
#[utoipa::path(
    put, path = "/v1/accounts/{account_ref}", operation_id = "put_account", tag = "accounts",
    params(("account_ref" = String, Path, description = "Cobalt's access_token_reference_id")),
    request_body = AccountBody,
    responses(
        (status = 201, description = "Registered", body = AccountView),
        (status = 200, description = "Replaced", body = AccountView),
        (status = 400, description = "Not JSON, or an account_ref that cannot be"),
        (status = 401, description = "No key"),
        (status = 409, description = "Deleted by somebody else at the same moment"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "More than 64 KiB"),
        (status = 415, description = "Not application/json"),
        (status = 422, description = "Fields that are not valid, each named"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn put(
    State(shared): State<Shared>,
    reference: InPath,
    request: Request,
) -> Result<(StatusCode, Json<AccountView>), ApiError> {
    let reference = account_ref(reference)?;
    let input: AccountInput = json_body(request).await?;
    let upsert = input.check(reference.clone()).map_err(ApiError::Faults)?;
    let new = shared.store.put_accounts(std::slice::from_ref(&upsert)).await?;
    let status = match new.first() {
        Some(true) => StatusCode::CREATED,
        Some(false) | None => StatusCode::OK,
    };
    let stored = shared.store.account(&reference).await?;
    let stored = stored.ok_or(ApiError::Conflict("The account was deleted meanwhile."))?;
    Ok((status, Json(AccountView::from(stored))))
}

async fn json_body(request: Request) -> Result<AccountInput, ApiError> {
    if request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| !is_json(kind)) {
        return Err(ApiError::NotJson);
    }
    let bytes = body::read(request.into_body(), MAX_BODY, BODY_DEADLINE).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let why = explain(&error);
        ApiError::BadRequest(format!("The body is not the JSON of an account: {why}."))
    })
}

fn is_json(content_type: &HeaderValue) -> bool {
    let kind = content_type.to_str().unwrap_or("").split(';').next().unwrap_or("");
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// What is wrong with a body, without a value of it. serde's texts are passed on where they
/// name fields of ours and keys of the client; all others may quote what stood there.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let names_only = ["missing field", "unknown field", "duplicate field"];
    if names_only.iter().any(|start| text.starts_with(start)) && text.len() <= MAX_EXPLAINED {
        return text;
    }
    let what = match error.classify() {
        Category::Data => "something of a kind that does not belong there",
        Category::Eof => "it ends too soon",
        Category::Syntax | Category::Io => "it is not JSON",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

/// Shows an account, its addresses masked and without its token.
#[utoipa::path(
    get, path = "/v1/accounts/{account_ref}", operation_id = "get_account", tag = "accounts",
    params(("account_ref" = String, Path)),
    responses(
        (status = 200, description = "The account", body = AccountView),
        (status = 400, description = "An account_ref that cannot be"),
        (status = 401, description = "No key"),
        (status = 404, description = "Not registered"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    reference: InPath,
) -> Result<Json<AccountView>, ApiError> {
    let stored = shared.store.account(&account_ref(reference)?).await?;
    let stored = stored.ok_or(ApiError::NotFound("No such account."))?;
    Ok(Json(AccountView::from(stored)))
}

/// Forgets an account and its contacts; its open case is closed.
#[utoipa::path(
    delete, path = "/v1/accounts/{account_ref}", operation_id = "delete_account", tag = "accounts",
    params(("account_ref" = String, Path)),
    responses(
        (status = 204, description = "Forgotten"),
        (status = 400, description = "An account_ref that cannot be"),
        (status = 401, description = "No key"),
        (status = 404, description = "Not registered"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    reference: InPath,
) -> Result<StatusCode, ApiError> {
    match shared.store.delete_account(&account_ref(reference)?).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("No such account.")),
    }
}

/// The account works again, the app says: its open case closes and nobody hears of it any more.
#[utoipa::path(
    post, path = "/v1/accounts/{account_ref}/relinked", operation_id = "account_relinked", tag = "accounts",
    params(("account_ref" = String, Path)),
    responses(
        (status = 200, description = "Closed, or nothing was open", body = RelinkedView),
        (status = 400, description = "An account_ref that cannot be"),
        (status = 401, description = "No key"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = [])),
)]
pub(crate) async fn relinked(
    State(shared): State<Shared>,
    reference: InPath,
) -> Result<Json<RelinkedView>, ApiError> {
    let account_ref = account_ref(reference)?;
    let which = OpenCase::Account(account_ref.clone());
    let closed = shared.store.close_case(&which, CloseReason::Repaired).await?;
    match closed {
        Some(id) => count(&shared, id).await,
        // News of before may still be on its way, or be found in Cobalt's list tomorrow.
        None => {
            shared.store.apply_signals(&[repaired(account_ref, Timestamp::now())?]).await?;
        }
    }
    Ok(Json(RelinkedView { closed_case: closed.map(|id| id.to_string()) }))
}

fn repaired(account_ref: AccountRef, now: Timestamp) -> Result<Signal, ApiError> {
    let digest = sha256_hex(format!("{account_ref} {now}").as_bytes());
    let event_id = EventId::parse(&format!("relinked:{digest}"))
        .map_err(|error| ApiError::BadRequest(error.to_string()))?;
    Ok(Signal {
        event_id,
        account_ref,
        kind: SignalKind::Repaired,
        source: SignalSource::AppReport,
        occurred_at: now,
        received_at: now,
        emr_instance_domain: None,
        error_type: None,
        digest,
        trace: None,
    })
}

/// The case is closed whether or not the time it took can be read.
async fn count(shared: &Shared, id: CaseId) {
    if let Ok(Some(CaseHistory { case, .. })) = shared.store.case(id).await
        && let Some(closed_at) = case.closed_at
    {
        shared.metrics.relinked_after(since(case.opened_at, closed_at).as_secs_f64());
    }
}
