//! `GET /r/{token}`: where the link in a message leads. It shows and changes nothing. Until the
//! way back through Link opens from here, the page says honestly what to do instead. A token
//! that is wrong, foreign or forgotten gets one and the same answer. Whoever comes is a person:
//! trouble of ours is a page too.

use crate::router::Shared;
use aws_lc_rs::digest;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use minijinja::{Environment, context};
use relink_core::case::{Case, CloseReason};
use relink_core::link::LinkToken;

const STYLE: &str = include_str!("../templates/link.css");

/// The page with its wording, built once.
pub(crate) struct LinkPage {
    templates: Environment<'static>,
    instance: String,
    headers: HeaderMap,
}

/// What a person can meet behind a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    NeedsSignIn,
    Fixed,
    Unknown,
    NotNow,
}

impl Shown {
    fn of(case: Option<&Case>) -> Self {
        match case {
            Some(case) if case.is_open() => Self::NeedsSignIn,
            Some(case) if case.close_reason == Some(CloseReason::Repaired) => Self::Fixed,
            // Expired, closed by hand, or its account deleted: nothing is known to work.
            Some(_) | None => Self::Unknown,
        }
    }
}

impl LinkPage {
    pub(crate) fn new(instance: &str) -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        if let Err(error) =
            templates.add_template("link.html", include_str!("../templates/link.html"))
        {
            // Built in and rendered by a test; the page then falls back to its plain text.
            tracing::error!(%error, "the built-in page does not parse");
        }
        Self { templates, instance: instance.to_owned(), headers: headers() }
    }

    fn show(&self, shown: Shown) -> Response {
        let (status, title, what, how) = match shown {
            Shown::NeedsSignIn => (
                StatusCode::OK,
                "Please sign in again",
                "One of your connected accounts needs you to sign in again before it can be used.",
                format!(
                    "Open {} as usual; it will take you to the sign-in for that account.",
                    self.instance
                ),
            ),
            Shown::Fixed => (
                StatusCode::OK,
                "All done",
                "This account is connected. There is nothing left to do.",
                String::new(),
            ),
            Shown::Unknown => (
                StatusCode::NOT_FOUND,
                "This link is no longer in use",
                "It may be old, or not complete.",
                format!(
                    "Open {} as usual; it will tell you if an account needs you.",
                    self.instance
                ),
            ),
            Shown::NotNow => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Please try again in a minute",
                "This page cannot be shown just now.",
                format!("Load it again shortly, or open {} as usual.", self.instance),
            ),
        };
        let html = self
            .templates
            .get_template("link.html")
            .and_then(|template| {
                template.render(
                    context! { title, what, how, instance => &self.instance, style => STYLE },
                )
            })
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the page could not be rendered");
                title.to_owned()
            });
        (status, self.headers.clone(), html).into_response()
    }
}

/// Shows the page behind a link.
pub(crate) async fn link(
    State(shared): State<Shared>,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    let token = token.ok().and_then(|Path(text)| LinkToken::parse(&text));
    let found = match token {
        Some(token) => shared.store.link(&token.hash()).await,
        None => Ok(None),
    };
    shared.page.show(match found {
        Ok(found) => Shown::of(found.as_ref().map(|(_, case)| case)),
        Err(error) => {
            tracing::error!(%error, "the page behind a link could not be shown");
            Shown::NotNow
        }
    })
}

/// Nothing may be loaded, framed, cached, sniffed or told to another site.
fn headers() -> HeaderMap {
    let style = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut headers = HeaderMap::new();
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers
}
