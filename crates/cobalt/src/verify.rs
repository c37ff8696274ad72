//! Is this request Cobalt's? Decided over the raw bytes first and, only if that fails, over the
//! text that JavaScript would make of them, because Cobalt signs what `JSON.stringify` wrote.
//!
//! A [`VerifiedRequest`] is the proof and can only be made here; nothing unverified can be
//! parsed. Errors never repeat a body, a signature or a secret.

use crate::json::Json;
use crate::stringify::stringify;
use aws_lc_rs::hmac;
use bytes::Bytes;
use jiff::Timestamp;
use relink_config::WebhookSecret;

/// The header that carries the signature: HMAC-SHA256 in hex, without a prefix.
pub const SIGNATURE_HEADER: &str = "cobalt-verification";

/// Bytes of an HMAC-SHA256.
const TAG_LEN: usize = 32;

/// Every configured secret, ready to check signatures with.
#[derive(Debug)]
pub struct Verifier {
    keys: Vec<LiveKey>,
}

#[derive(Debug)]
struct LiveKey {
    id: String,
    key: hmac::Key,
    not_after: Option<Timestamp>,
}

/// Which text of the body the signature was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedForm {
    /// The bytes as they came.
    Raw,
    /// What `JSON.stringify(JSON.parse(body))` gives: somebody on the way reformatted the body.
    Reserialised,
}

impl SignedForm {
    /// For logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Reserialised => "reserialised",
        }
    }
}

/// A body that carries a valid signature. Only [`Verifier::verify`] makes one.
#[derive(Clone)]
pub struct VerifiedRequest {
    body: Bytes,
    secret_id: String,
    form: SignedForm,
}

impl VerifiedRequest {
    /// The body as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The id of the secret that matched.
    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    /// Which form matched.
    pub fn form(&self) -> SignedForm {
        self.form
    }
}

/// Shows no body: it may hold what must not be logged.
impl std::fmt::Debug for VerifiedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedRequest")
            .field("bytes", &self.body.len())
            .field("secret_id", &self.secret_id)
            .field("form", &self.form)
            .finish()
    }
}

/// Why a request is not accepted as Cobalt's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The sender's fault: no signature.
    #[error("the header cobalt-verification is missing")]
    Missing,
    /// The sender's fault: not a signature.
    #[error("the header cobalt-verification is not 64 hex digits")]
    Malformed,
    /// The sender's fault, or ours if a secret was rotated and not configured.
    #[error("no configured webhook secret matches the signature")]
    NoMatch,
    /// Ours: nothing could ever match. Not to be answered with a 4xx.
    #[error("no webhook secret is live: add one under [[cobalt.webhook_secrets]]")]
    NoLiveSecret,
}

impl Verifier {
    /// Takes every secret; those that have passed their `not_after` stop counting by themselves.
    pub fn new(secrets: &[WebhookSecret]) -> Self {
        let keys = secrets
            .iter()
            // Anybody can sign with an empty key.
            .filter(|secret| !secret.secret.expose().is_empty())
            .map(|secret| LiveKey {
                id: secret.id.clone(),
                key: hmac::Key::new(hmac::HMAC_SHA256, secret.secret.expose().as_bytes()),
                not_after: secret.not_after,
            })
            .collect();
        Self { keys }
    }

    /// Checks the value of [`SIGNATURE_HEADER`] against `body` with every secret that is live at
    /// `now`, in constant time for each.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify(
        &self,
        signature_header: Option<&str>,
        body: Bytes,
        now: Timestamp,
    ) -> Result<VerifiedRequest, VerifyError> {
        let live = |key: &&LiveKey| key.not_after.is_none_or(|end| now <= end);
        if !self.keys.iter().any(|key| live(&key)) {
            return Err(VerifyError::NoLiveSecret);
        }
        let tag = read_tag(signature_header.ok_or(VerifyError::Missing)?)?;
        let signer = |text: &[u8]| {
            let matches = |key: &&LiveKey| hmac::verify(&key.key, text, &tag).is_ok();
            self.keys.iter().filter(live).find(matches).map(|key| key.id.clone())
        };
        if let Some(secret_id) = signer(&body) {
            return Ok(VerifiedRequest { body, secret_id, form: SignedForm::Raw });
        }
        let reserialised = Json::parse(&body).map(|json| stringify(&json));
        let secret_id = reserialised.ok().and_then(|text| signer(text.as_bytes()));
        let secret_id = secret_id.ok_or(VerifyError::NoMatch)?;
        Ok(VerifiedRequest { body, secret_id, form: SignedForm::Reserialised })
    }
}

fn read_tag(header: &str) -> Result<[u8; TAG_LEN], VerifyError> {
    let mut tag = [0; TAG_LEN];
    hex::decode_to_slice(header, &mut tag).map_err(|_| VerifyError::Malformed)?;
    Ok(tag)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
