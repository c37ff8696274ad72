//! The way back from inside the app: a token for Link, the word that it is done, and what somebody
//! did with the banner. The same functions as behind the page of a link ([`crate::back`]); a case of
//! somebody else is answered as one that does not exist.

use crate::back::{self, Came, Standing};
use crate::error::ApiError;
use crate::feed::access::Asker;
use crate::feed::view::{LinkView, SeenBody, StandingView};
use crate::router::Shared;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use hyper::StatusCode;
use relink_core::id::CaseId;
use relink_core::visit::{Visit, VisitStep, Way};
use relink_http::body;
use relink_store::{Door, WayBack};
use std::time::Duration;

/// The longest list of steps, in bytes.
const MAX_BODY: usize = 4 * 1024;

/// For the whole of it to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// Steps told of at once at most.
const MAX_STEPS: usize = 20;

type InPath = Result<RawPathParams, RawPathParamsRejection>;

/// The asker's own case.
async fn own(shared: &Shared, asker: &Asker, params: InPath) -> Result<WayBack, ApiError> {
    const NO_CASE: ApiError = ApiError::NotFound("No such case.");
    let params = params.map_err(|_| NO_CASE)?;
    let named = params.iter().find(|(name, _)| *name == "case_id");
    let id: CaseId = named.and_then(|(_, text)| text.parse().ok()).ok_or(NO_CASE)?;
    let found = shared.store.way_back(&Door::Case(id)).await?.ok_or(NO_CASE)?;
    let owned = found.account.as_ref().is_some_and(|account| account.user_id == asker.user_id);
    if owned { Ok(found) } else { Err(NO_CASE) }
}

fn came(asker: &Asker) -> Came {
    Came { way: Way::InApp, visitor: asker.visitor(), notification_id: None }
}

/// A token for Cobalt's Link in update mode. Good once and for 30 minutes; made anew at each call.
#[utoipa::path(
    post, path = "/v1/users/{user_id}/cases/{case_id}/link", operation_id = "link_users_case",
    tag = "in-app",
    params(("user_id" = String, Path), ("case_id" = String, Path)),
    responses(
        (status = 200, description = "The token", body = LinkView),
        (status = 400, description = "A user_id that cannot be"),
        (status = 401, description = "Neither a key nor a token that holds"),
        (status = 403, description = "The token of another user"),
        (status = 404, description = "No such case of this user"),
        (status = 409, description = "The case has ended"),
        (status = 429, description = "Too many tokens were made for this case within an hour"),
        (status = 502, description = "Cobalt made no token"),
        (status = 503, description = "Something needed is not available; try again"),
    ),
    security(("key" = []), ("user_token" = [])),
)]
pub(crate) async fn link(
    State(shared): State<Shared>,
    Extension(asker): Extension<Asker>,
    params: InPath,
) -> Result<Response, ApiError> {
    let way_back = own(&shared, &asker, params).await?;
    let token = back::launch(&shared, &way_back, came(&asker)).await?;
    let mut response = Json(LinkView { token: token.expose().to_owned() }).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Link has ended well, the app says. Cobalt is asked at once, and again later where it does not
/// prove it yet.
#[utoipa::path(
    post, path = "/v1/users/{user_id}/cases/{case_id}/done", operation_id = "done_users_case",
    tag = "in-app",
    params(("user_id" = String, Path), ("case_id" = String, Path)),
    responses(
        (status = 200, description = "What is known", body = StandingView),
        (status = 400, description = "A user_id that cannot be"),
        (status = 401, description = "Neither a key nor a token that holds"),
        (status = 403, description = "The token of another user"),
        (status = 404, description = "No such case of this user"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = []), ("user_token" = [])),
)]
pub(crate) async fn done(
    State(shared): State<Shared>,
    Extension(asker): Extension<Asker>,
    params: InPath,
) -> Result<Json<StandingView>, ApiError> {
    let way_back = own(&shared, &asker, params).await?;
    let standing = match back::done(&shared, &way_back, came(&asker)).await? {
        Standing::Works => "works",
        Standing::StillBroken => "still_broken",
        // What was said before is asked about again by workers.
        Standing::NotKnown | Standing::TooOften => "not_known",
        Standing::Ended => "ended",
    };
    Ok(Json(StandingView { standing }))
}

/// What somebody did with the banner, for the case's timeline.
#[utoipa::path(
    post, path = "/v1/users/{user_id}/cases/{case_id}/seen", operation_id = "see_users_case",
    tag = "in-app",
    params(("user_id" = String, Path), ("case_id" = String, Path)),
    request_body = SeenBody,
    responses(
        (status = 204, description = "Noted"),
        (status = 400, description = "A user_id that cannot be, or not the JSON of steps"),
        (status = 401, description = "Neither a key nor a token that holds"),
        (status = 403, description = "The token of another user"),
        (status = 404, description = "No such case of this user"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "More than 4 KiB"),
        (status = 503, description = "The store is not available; try again"),
    ),
    security(("key" = []), ("user_token" = [])),
)]
pub(crate) async fn seen(
    State(shared): State<Shared>,
    Extension(asker): Extension<Asker>,
    params: InPath,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let way_back = own(&shared, &asker, params).await?;
    let bytes = body::read(request.into_body(), MAX_BODY, BODY_DEADLINE).await?;
    let steps = steps(&bytes).ok_or_else(|| {
        ApiError::BadRequest(format!(
            "The body is not {{\"steps\": […]}} with 1 to {MAX_STEPS} of opened, launched, left, came_back."
        ))
    })?;
    let visits: Vec<Visit> = steps.into_iter().map(|step| came(&asker).step(step)).collect();
    if way_back.case.is_open() {
        back::note(&shared, way_back.case.id, &visits).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The steps that a page can tell of; what Relink knows by itself is not taken from anybody.
fn steps(bytes: &[u8]) -> Option<Vec<VisitStep>> {
    let body: SeenBody = serde_json::from_slice(bytes).ok()?;
    let step = |text: &String| match text.parse().ok()? {
        step
        @ (VisitStep::Opened | VisitStep::Launched | VisitStep::Left | VisitStep::CameBack) => {
            Some(step)
        }
        VisitStep::Minted
        | VisitStep::Done
        | VisitStep::NotYet
        | VisitStep::Proven
        | VisitStep::PatienceOver
        | VisitStep::Renewed => None,
    };
    let fits = (1..=MAX_STEPS).contains(&body.steps.len());
    fits.then(|| body.steps.iter().map(step).collect()).flatten()
}
