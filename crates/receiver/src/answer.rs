//! Every answer the receiver gives, and the only place where a status is chosen. A 2xx can be
//! made from a [`Receipt`] or from [`NotOurs`] and from nothing else; every fault of our own is
//! a 5xx, because Cobalt repeats those once and never repeats a 4xx.

use crate::accept::NotOurs;
use crate::callers::Unverified;
use crate::spool::Receipt;
use bytes::Bytes;
use http_body_util::Full;
use relink_cobalt::VerifyError;
use relink_http::body::BodyError;
use relink_http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use relink_http::problem::{Problem, json};
use relink_http::{Response, StatusCode};
use relink_queue::log::AppendError;
use serde::Serialize;

pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a request did not end in a receipt.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such route")]
    UnknownRoute,
    #[error("the route takes POST only")]
    WrongMethod,
    #[error("the content type is not application/json")]
    WrongType,
    #[error("the content is encoded")]
    Encoded,
    #[error("the body could not be read")]
    Body(#[from] BodyError),
    #[error("too many requests are in hand")]
    Busy,
    #[error("not verified: {0}")]
    Unverified(Unverified),
    /// Whatever the sender sent, nothing could be verified: our configuration is at fault.
    #[error("nothing can be verified: {0}")]
    CannotVerify(VerifyError),
    /// Verified, but not something this release can read. The text names the fault and its
    /// place, never the content.
    #[error("not a readable event: {0}")]
    Malformed(String),
    #[error("not stored")]
    NotStored(#[from] AppendError),
    #[error("no receipt in time")]
    Late,
    #[error("the handler ended in a panic")]
    Panicked,
}

impl From<Unverified> for Refusal {
    fn from(why: Unverified) -> Self {
        match why {
            Unverified::Signature(fault @ VerifyError::NoLiveSecret) => Self::CannotVerify(fault),
            Unverified::Signature(
                VerifyError::Missing | VerifyError::Malformed | VerifyError::NoMatch,
            )
            | Unverified::Key(_)
            | Unverified::NoSuchDoor => Self::Unverified(why),
        }
    }
}

impl Refusal {
    /// The answer for the sender.
    pub(crate) fn answer(&self) -> Answer {
        let mut answer = self.problem().into_response();
        if let Some((name, value)) = self.header() {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer
    }

    /// Whether the sender did nothing wrong: these are the 5xx.
    pub(crate) fn is_our_fault(&self) -> bool {
        match self {
            Self::Busy
            | Self::CannotVerify(_)
            | Self::NotStored(_)
            | Self::Late
            | Self::Panicked => true,
            Self::UnknownRoute
            | Self::WrongMethod
            | Self::WrongType
            | Self::Encoded
            | Self::Body(_)
            | Self::Unverified(_)
            | Self::Malformed(_) => false,
        }
    }

    fn header(&self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::WrongMethod => Some((ALLOW, "POST")),
            Self::Busy | Self::CannotVerify(_) | Self::NotStored(_) | Self::Late => {
                Some((RETRY_AFTER, "1"))
            }
            Self::Unverified(Unverified::Key(_)) => Some((WWW_AUTHENTICATE, "Bearer")),
            Self::Unverified(Unverified::Signature(_) | Unverified::NoSuchDoor)
            | Self::UnknownRoute
            | Self::WrongType
            | Self::Encoded
            | Self::Body(_)
            | Self::Malformed(_)
            | Self::Panicked => None,
        }
    }

    fn problem(&self) -> Problem {
        match self {
            Self::UnknownRoute => problem(StatusCode::NOT_FOUND, "not_found", "No such route")
                .detail("The routes are /webhooks/cobalt and /v1/reports."),
            Self::WrongMethod => {
                problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Use POST")
            }
            Self::WrongType => unsupported("Send application/json, in UTF-8."),
            Self::Encoded => unsupported("Send the body as it is, without a content encoding."),
            Self::Body(BodyError::TooLong(cap)) => {
                problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too long")
                    .detail(format!("At most {cap} bytes are taken."))
            }
            Self::Body(BodyError::TooSlow) => {
                problem(StatusCode::REQUEST_TIMEOUT, "too_slow", "The body did not arrive in time")
            }
            Self::Body(BodyError::Broken) => problem(
                StatusCode::BAD_REQUEST,
                "broken_body",
                "The body broke off or is framed wrongly",
            ),
            Self::Unverified(why) => {
                problem(StatusCode::UNAUTHORIZED, "not_verified", "Who sent this is not proven")
                    .detail(why.to_string())
            }
            Self::Malformed(what) => {
                problem(StatusCode::BAD_REQUEST, "malformed", "The body is not a readable event")
                    .detail(what.clone())
            }
            Self::Busy | Self::CannotVerify(_) | Self::NotStored(_) | Self::Late => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "try_again",
                "Cannot store this just now; send it again",
            ),
            Self::Panicked => {
                problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
            }
        }
    }
}

fn problem(status: StatusCode, code: &'static str, title: &'static str) -> Problem {
    Problem::new(status, code, title)
}

fn unsupported(advice: &str) -> Problem {
    problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Not taken in this form")
        .detail(advice)
}

#[derive(Serialize)]
struct Accepted<'a> {
    status: &'static str,
    id: &'a str,
}

#[derive(Serialize)]
struct Ignored {
    status: &'static str,
}

/// 202: the event is stored, and the receipt proves it.
pub(crate) fn accepted(receipt: &Receipt) -> Answer {
    json(StatusCode::ACCEPTED, &Accepted { status: "accepted", id: receipt.event_id().as_str() })
}

/// 200: verified, and not an event of ours; nothing was to be stored.
pub(crate) fn ignored(_: &NotOurs) -> Answer {
    json(StatusCode::OK, &Ignored { status: "ignored" })
}
