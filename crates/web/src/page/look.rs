//! How pages look and what they run: one style, one script, both inline and known by their hash;
//! and the logo, which Relink serves itself under a name made of its bytes.

use crate::router::Shared;
use aws_lc_rs::digest;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use relink_config::{Logo, LogoKind, Web};

const STYLE: &str = include_str!("../../templates/link.css");
const SCRIPT: &str = include_str!("../../templates/link.js");

/// The look of every page of this installation.
pub(super) struct Look {
    pub(super) style: String,
    pub(super) style_hash: String,
    pub(super) script: &'static str,
    pub(super) script_hash: String,
    pub(super) logo: Option<ServedLogo>,
}

/// A logo and its name below `/r/assets/`.
pub(super) struct ServedLogo {
    pub(super) name: String,
    kind: LogoKind,
    bytes: Bytes,
}

impl Look {
    pub(super) fn new(web: &Web) -> Self {
        // The accent has been checked: it holds a number sign and six digits.
        let style = format!(":root{{--accent:{}}}\n{STYLE}", web.accent);
        Self {
            style_hash: source_hash(&style),
            style,
            script: SCRIPT,
            script_hash: source_hash(SCRIPT),
            logo: web.logo.as_ref().map(ServedLogo::new),
        }
    }
}

impl ServedLogo {
    fn new(logo: &Logo) -> Self {
        let ending = match logo.kind {
            LogoKind::Svg => "svg",
            LogoKind::Png => "png",
        };
        let hash = relink_core::seal::sha256_hex(&logo.bytes);
        let short: String = hash.chars().take(16).collect();
        let bytes = Bytes::from(logo.bytes.clone());
        Self { name: format!("{short}.{ending}"), kind: logo.kind, bytes }
    }
}

/// As a Content-Security-Policy names inline text.
fn source_hash(text: &str) -> String {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()));
    format!("sha256-{hash}")
}

/// `GET /r/assets/{name}`: the logo. Its name changes with its bytes, so it may be kept for ever.
/// An SVG can hold a script: opened by itself it is put into a sandbox where nothing runs.
pub(crate) async fn asset(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let logo = shared.pages.look.logo.as_ref().filter(|logo| logo.name == name);
    let Some(ServedLogo { kind, bytes, .. }) = logo else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match kind {
        LogoKind::Svg => "image/svg+xml",
        LogoKind::Png => "image/png",
    };
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    (headers, bytes.clone()).into_response()
}
