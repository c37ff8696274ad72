//! Every HTTP status of this crate is chosen here, from a typed error.

use crate::back::NoToken;
use axum::response::{IntoResponse, Response};
use hyper::{StatusCode, header};
use relink_core::account::FieldFault;
use relink_http::body::BodyError;
use relink_http::problem::Problem;
use relink_store::StoreError;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("not authenticated")]
    NotAuthenticated,
    #[error("the key's role does not allow this")]
    Forbidden,
    #[error("a user's token does not open this")]
    NotYours,
    #[error("as many streams are open as there may be")]
    TooManyStreams,
    #[error(transparent)]
    NoToken(#[from] NoToken),
    #[error("the route has no such method")]
    MethodNotAllowed,
    #[error("{0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Conflict(&'static str),
    #[error("{0}")]
    BadRequest(String),
    #[error("the content type is not application/json")]
    NotJson,
    #[error("{} faults in the fields", .0.len())]
    Faults(Vec<FieldFault>),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiError {
    fn problem(&self) -> Problem {
        let new = Problem::new;
        match self {
            Self::NotAuthenticated => {
                new(StatusCode::UNAUTHORIZED, "not_authenticated", "Not authenticated")
                    .detail("Send `Authorization: Bearer <key>` with a key from [[api.keys]].")
            }
            Self::Forbidden => new(StatusCode::FORBIDDEN, "forbidden", "Not allowed")
                .detail("This route needs a key with role = \"ops\"."),
            Self::NotYours => new(StatusCode::FORBIDDEN, "forbidden", "Not allowed")
                .detail("A user's token opens the cases of that user and nothing else."),
            Self::TooManyStreams => {
                new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", "Try again shortly")
            }
            Self::NoToken(why) => no_token(why),
            Self::MethodNotAllowed => {
                new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
                    .detail("The `Allow` header names the methods of this route.")
            }
            Self::NotFound(what) => {
                new(StatusCode::NOT_FOUND, "not_found", "Not found").detail(*what)
            }
            Self::Conflict(what) => {
                new(StatusCode::CONFLICT, "conflict", "Nothing to change").detail(*what)
            }
            Self::BadRequest(why) => {
                new(StatusCode::BAD_REQUEST, "bad_request", "Bad request").detail(why.clone())
            }
            Self::NotJson => {
                new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "Unsupported media type")
                    .detail("Send `Content-Type: application/json`.")
            }
            Self::Faults(faults) => {
                let mut problem =
                    new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Some fields are not valid");
                problem.errors =
                    faults.iter().filter_map(|fault| serde_json::to_value(fault).ok()).collect();
                problem
            }
            Self::Body(BodyError::TooLong(cap)) => {
                new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Body too large")
                    .detail(format!("At most {cap} bytes."))
            }
            Self::Body(BodyError::TooSlow) => {
                new(StatusCode::REQUEST_TIMEOUT, "too_slow", "Body too slow")
            }
            Self::Body(BodyError::Broken) => {
                new(StatusCode::BAD_REQUEST, "broken_body", "Body broke off")
            }
            Self::Store(error) if error.is_passing() => {
                new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", "Try again shortly")
            }
            Self::Store(_) => new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
                .detail("The cause is in the log of `relink web`."),
        }
    }
}

/// Why nobody can be handed to Link.
fn no_token(why: &NoToken) -> Problem {
    let new = Problem::new;
    match why {
        NoToken::Ended => new(StatusCode::CONFLICT, "ended", "The case has ended")
            .detail("There is nothing to link again."),
        NoToken::NoAccount => new(StatusCode::NOT_FOUND, "not_found", "Not found"),
        NoToken::TooOften => new(StatusCode::TOO_MANY_REQUESTS, "too_often", "Try again later")
            .detail(why.to_string()),
        NoToken::NoCredentials => {
            new(StatusCode::SERVICE_UNAVAILABLE, "no_credentials", "Not set up").detail(
                "This installation has no credentials for Cobalt; the log of its start says so.",
            )
        }
        NoToken::Store(error) if error.is_passing() => {
            new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", "Try again shortly")
        }
        NoToken::Store(_) => new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
            .detail("The cause is in the log of `relink web`."),
        NoToken::Cobalt(_) => new(StatusCode::BAD_GATEWAY, "cobalt", "Cobalt made no token")
            .detail("Try again shortly; the cause is in the log of `relink web`."),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Store(error) | Self::NoToken(NoToken::Store(error)) => {
                tracing::error!(%error, "request could not be served");
            }
            Self::NoToken(NoToken::Cobalt(error)) => {
                tracing::error!(%error, "no link token was made");
            }
            Self::NotAuthenticated
            | Self::Forbidden
            | Self::NotYours
            | Self::TooManyStreams
            | Self::NoToken(_)
            | Self::MethodNotAllowed
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::BadRequest(_)
            | Self::NotJson
            | Self::Faults(_)
            | Self::Body(_) => {}
        }
        let mut response = self.problem().into_response();
        let again = |seconds| Some(header::HeaderValue::from_static(seconds));
        let retry_after = match &self {
            Self::Store(error) | Self::NoToken(NoToken::Store(error)) if error.is_passing() => {
                again("5")
            }
            Self::NoToken(NoToken::TooOften) => again("600"),
            Self::NoToken(NoToken::Cobalt(_)) => again("5"),
            Self::TooManyStreams => again("30"),
            Self::NotAuthenticated
            | Self::Forbidden
            | Self::NotYours
            | Self::MethodNotAllowed
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::BadRequest(_)
            | Self::NotJson
            | Self::Faults(_)
            | Self::Body(_)
            | Self::NoToken(_)
            | Self::Store(_) => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        match &self {
            Self::NotAuthenticated => {
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            Self::Forbidden
            | Self::NotYours
            | Self::TooManyStreams
            | Self::NoToken(_)
            | Self::MethodNotAllowed
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::BadRequest(_)
            | Self::NotJson
            | Self::Faults(_)
            | Self::Body(_)
            | Self::Store(_) => {}
        }
        response.map(axum::body::Body::new).into_response()
    }
}
