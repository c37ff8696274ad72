//! Errors as `application/problem+json` (RFC 9457).

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header};
use serde::Serialize;

/// The body of an error answer. `detail` must not repeat a secret, an address or a body.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// A word that stays the same for this kind of error, for programs.
    pub code: &'static str,
    /// What this kind of error is, for people.
    pub title: &'static str,
    /// What is wrong this time and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The HTTP status again, as the RFC wants it.
    pub status: u16,
    /// Every fault of the request, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<serde_json::Value>,
}

impl Problem {
    /// A problem without details.
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { code, title, detail: None, status: status.as_u16(), errors: Vec::new() }
    }

    /// Says what is wrong this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The answer.
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        with_type(status, "application/problem+json", serde_json::to_vec(&self).unwrap_or_default())
    }
}

/// An answer in JSON.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(body) => with_type(status, "application/json", body),
        Err(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
            .into_response(),
    }
}

/// An answer of any type.
pub fn with_type(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
