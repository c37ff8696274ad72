//! `GET /v1/users/{user_id}/cases/stream`: the same as server-sent events, the whole list at once
//! and at each change.

use crate::error::ApiError;
use crate::feed::access::{Asker, By};
use crate::feed::cases::{FeedQuery, InQuery, lang};
use crate::feed::hub::{NoRoom, Wish};
use crate::router::Shared;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use relink_core::Timestamp;
use relink_core::time::since;
use tokio::time::Instant;

/// A user's open cases, now and at each change, as server-sent events: `cases` with the whole list,
/// a comment every 15 seconds. Reconnect with `Last-Event-ID`, and the list comes only if it is
/// another one. Ends with the token that opened it.
#[utoipa::path(
    get, path = "/v1/users/{user_id}/cases/stream", operation_id = "stream_users_cases",
    tag = "in-app",
    params(
        ("user_id" = String, Path, description = "Your id of the end user"), FeedQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the list you have"),
    ),
    responses(
        (status = 200, description = "Events `cases`, each with a FeedView as its data",
         body = String, content_type = "text/event-stream"),
        (status = 400, description = "A user_id or a parameter that cannot be"),
        (status = 401, description = "Neither a key nor a token that holds"),
        (status = 403, description = "The token of another user"),
        (status = 503, description = "As many streams are open as there may be; try again"),
    ),
    security(("key" = []), ("user_token" = [])),
)]
pub(crate) async fn open(
    State(shared): State<Shared>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    query: InQuery,
) -> Result<Response, ApiError> {
    let lang = lang(query, &headers)?;
    let until = match asker.by {
        By::Key(_) => None,
        By::Token(ends) => Instant::now().checked_add(since(Timestamp::now(), ends)),
    };
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let wish = Wish { user_id: asker.user_id, lang, until, last_id };
    let body = shared.hub.join(wish).map_err(|NoRoom| ApiError::TooManyStreams)?;
    let mut response = Response::new(Body::new(body));
    let fixed = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // A proxy that keeps or gathers what it passes on would turn it into silence.
        (header::CACHE_CONTROL, "no-store, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
