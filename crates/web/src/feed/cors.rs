//! Which pages of other origins may ask: those named in `[web] allowed_origins`, letter by letter,
//! for the feed and the banner's file and for nothing else. Never every origin, never credentials.

use crate::router::Shared;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

/// How long a browser may remember what it may ask, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, last-event-id");
const READABLE: HeaderValue = HeaderValue::from_static("retry-after");
/// What the answer depends on, so that no cache gives one origin's answer to another.
const VARY: HeaderValue = HeaderValue::from_static("origin");
const VARY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "origin, access-control-request-method, access-control-request-headers",
);

/// Answers preflights, and lets allowed origins read the other answers.
pub(crate) async fn layer(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let origin = allowed(headers.get(header::ORIGIN), &shared.allowed_origins).cloned();
    let preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if preflight {
        return preflight_answer(origin);
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(header::VARY, VARY);
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READABLE);
    }
    response
}

fn allowed<'h>(given: Option<&'h HeaderValue>, origins: &[String]) -> Option<&'h HeaderValue> {
    given.filter(|given| origins.iter().any(|origin| origin.as_bytes() == given.as_bytes()))
}

/// A browser that is told nothing asks nothing.
fn preflight_answer(origin: Option<HeaderValue>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::VARY, VARY_PREFLIGHT);
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    response
}
