//! Who sent a request: Cobalt, proven by its signature over the body, or the customer's app,
//! proven by its key. What proves nothing is counted, and the operator is told without a byte of
//! it: a wrong secret in the configuration turns every event into a 401, which Cobalt never
//! repeats. What may be such an event is handed to the quarantine.

use crate::metrics::Metrics;
use crate::quarantine::{Inlet, Source};
use crate::request::{RawRequest, Route};
use crate::sampled::Sampled;
use bytes::Bytes;
use relink_cobalt::event::EVENT_ID_HEADER;
use relink_cobalt::verify::SIGNATURE_HEADER;
use relink_cobalt::{VerifiedRequest, Verifier, VerifyError};
use relink_config::{ApiKey, NotAuthenticated, authenticate};
use relink_core::Timestamp;
use relink_core::seal::sha256_hex;
use relink_http::HeaderMap;
use relink_http::header::AUTHORIZATION;
use std::time::Instant;

/// Everybody who may hand something in.
pub(crate) struct Callers {
    verifier: Verifier,
    api_keys: Vec<ApiKey>,
    quarantine: Inlet,
    metrics: Metrics,
    lines: Sampled,
}

/// A request whose sender is proven. Only [`Callers::verify`] makes one.
pub(crate) enum Verified {
    /// Cobalt's.
    Webhook {
        request: VerifiedRequest,
        /// What the unsigned header calls the event.
        webhook_id: Option<String>,
        /// When it first came, if the quarantine kept it since.
        first_arrival: Option<Timestamp>,
    },
    /// The app's, or an operator's.
    Report(AppReport),
}

/// A report that came with a key of ours.
pub(crate) struct AppReport {
    body: Bytes,
}

impl AppReport {
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Why a sender is not believed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Unverified {
    #[error("the route is nobody's")]
    NoSuchDoor,
    #[error(transparent)]
    Signature(#[from] VerifyError),
    #[error(transparent)]
    Key(#[from] NotAuthenticated),
}

impl Unverified {
    /// Whether another secret in the configuration might have made it a genuine request.
    fn may_be_our_fault(self) -> bool {
        match self {
            Self::Signature(VerifyError::NoMatch | VerifyError::NoLiveSecret) => true,
            Self::Signature(VerifyError::Missing | VerifyError::Malformed)
            | Self::Key(NotAuthenticated)
            | Self::NoSuchDoor => false,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::NoSuchDoor => "no_such_door",
            Self::Signature(VerifyError::Missing) => "signature_missing",
            Self::Signature(VerifyError::Malformed) => "signature_malformed",
            Self::Signature(VerifyError::NoMatch) => "signature_wrong",
            Self::Signature(VerifyError::NoLiveSecret) => "no_live_secret",
            Self::Key(NotAuthenticated) => "key_missing_or_wrong",
        }
    }
}

impl Callers {
    pub(crate) fn new(
        verifier: Verifier,
        api_keys: &[ApiKey],
        quarantine: Inlet,
        metrics: Metrics,
    ) -> Self {
        let api_keys = api_keys.to_vec();
        Self { verifier, api_keys, quarantine, metrics, lines: Sampled::default() }
    }

    /// Takes the proof that `raw` carries, if it carries one.
    pub(crate) fn verify(
        &self,
        route: Route,
        raw: RawRequest,
        now: Timestamp,
    ) -> Result<Verified, Unverified> {
        let RawRequest { headers, body, peer } = raw;
        let verdict = match route {
            Route::CobaltWebhook => self.verify_signature(&headers, body.clone(), now),
            Route::Report => self.verify_key(&headers, body.clone()),
            Route::Unknown => Err(Unverified::NoSuchDoor),
        };
        verdict.inspect_err(|why| {
            self.turned_away(route, *why, &headers, &body);
            if why.may_be_our_fault() {
                let source = Source::of(peer, &headers);
                self.quarantine.offer(&headers, &body, source);
            }
        })
    }

    fn verify_signature(
        &self,
        headers: &HeaderMap,
        body: Bytes,
        now: Timestamp,
    ) -> Result<Verified, Unverified> {
        let first_arrival = self.quarantine.first_arrival(headers, &body);
        let request = self.verifier.verify(text(headers, SIGNATURE_HEADER), body, now)?;
        let form = request.form().as_str();
        self.metrics.verified(Route::CobaltWebhook, request.secret_id(), form);
        let webhook_id = text(headers, EVENT_ID_HEADER).map(str::to_owned);
        Ok(Verified::Webhook { request, webhook_id, first_arrival })
    }

    /// Reports are an app's affair, and operators may do what apps may: any key will do.
    fn verify_key(&self, headers: &HeaderMap, body: Bytes) -> Result<Verified, Unverified> {
        let key = authenticate(&self.api_keys, text(headers, AUTHORIZATION.as_str()))?;
        self.metrics.verified(Route::Report, &key.id, "key");
        Ok(Verified::Report(AppReport { body }))
    }

    fn turned_away(&self, route: Route, why: Unverified, headers: &HeaderMap, body: &[u8]) {
        self.metrics.unverified(route, why.label());
        let Some(held_back) = self.lines.admit(Instant::now()) else { return };
        tracing::warn!(
            route = route.label(),
            reason = why.label(),
            headers.sha256 = fingerprint(headers),
            body.sha256 = sha256_hex(body),
            body.bytes = body.len(),
            held_back,
            "a request was turned away; if the sender is genuine, a configured secret is wrong and \
             every event is being lost: `relink quarantine verify` shows what can be had back",
        );
    }
}

/// A header's text; one that is not text proves nothing and is treated as an empty one.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Tells two kinds of sender apart without showing a value; credentials take no part in it.
fn fingerprint(headers: &HeaderMap) -> String {
    let mut lines = Vec::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != AUTHORIZATION) {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.push(b':');
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    sha256_hex(&lines)
}
