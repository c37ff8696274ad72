//! `/relink-banner.js`: the web component that an app embeds. Built in, a few kB, the same for
//! everybody, so it may be kept for minutes; what it shows comes from the feed.

use crate::router::Shared;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use hyper::StatusCode;
use relink_core::seal::sha256_hex;

const SOURCE: &str = include_str!("../../assets/relink-banner.js");

/// Where the configured address stands in the source, quotes included.
const LINK_SCRIPT: &str = "\"LINK_SCRIPT\"";

/// The file as this installation serves it.
#[derive(Debug)]
pub(crate) struct Component {
    text: Bytes,
    etag: Option<HeaderValue>,
}

impl Component {
    pub(crate) fn new(link_script_url: &str) -> Self {
        // A JSON string is a JavaScript one.
        let url = serde_json::Value::from(link_script_url).to_string();
        let text = packed(SOURCE).replace(LINK_SCRIPT, &url);
        let hash: String = sha256_hex(text.as_bytes()).chars().take(32).collect();
        let etag = HeaderValue::try_from(format!("\"{hash}\"")).ok();
        Self { text: text.into(), etag }
    }
}

/// Without what only whoever reads the source needs: indentation, and lines that are a comment.
fn packed(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let kept = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// Serves the file.
pub(crate) async fn serve(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let Component { text, etag } = &*shared.component;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = etag.as_ref().and_then(|etag| etag.to_str().ok()).is_some_and(|etag| {
        known.is_some_and(|known| known.split(',').any(|one| one.trim() == etag))
    });
    let (status, body) = match fresh {
        true => (StatusCode::NOT_MODIFIED, Body::empty()),
        false => (StatusCode::OK, Body::from(text.clone())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    // Without another origin that may have it, nobody else's page has a use for it.
    let policy = if shared.allowed_origins.is_empty() { "same-origin" } else { "cross-origin" };
    let fixed = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), policy),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Some(etag) = etag {
        response.headers_mut().insert(header::ETAG, etag.clone());
    }
    response
}

#[cfg(test)]
#[path = "component_tests.rs"]
mod tests;
