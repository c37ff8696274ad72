//! User tokens: a JWT (RFC 7519) that the app's backend signs for one of its users, so that a page
//! may ask without the app's key. Its key is one of `[[api.keys]]`, named by `kid`, and its one
//! algorithm is HS256: what a token says of its algorithm is compared, never obeyed. Checked with the
//! crypto that is here already; one algorithm needs no library that knows fifteen.
//!
//! Pure but for the key: `now` is an argument.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use relink_config::ApiKey;
use relink_core::Timestamp;
use relink_core::time::{from_millis, to_millis};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a token may live, from when it was made and from now.
pub(crate) const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How far two clocks may be apart.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// How long a token lives that is made here.
pub(crate) const MINTED_FOR: Duration = Duration::from_secs(15 * 60);

/// Whom a token must be for.
const AUDIENCE: &str = "relink";

/// The longest token, in bytes: a user id of 300 bytes fits many times over.
const MAX_TOKEN: usize = 4096;

/// The longest user id, in bytes; as for accounts.
const MAX_USER_ID: usize = 300;

/// A token that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserToken {
    pub(crate) user_id: String,
    pub(crate) expires_at: Timestamp,
}

/// It does not hold. Whoever sent it is not told why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user token does not hold")]
pub(crate) struct Refused;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    /// Extensions that must be understood (RFC 7515, 4.1.11): none is.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: Audience,
    exp: f64,
    iat: Option<f64>,
    nbf: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The user that `token` speaks for.
///
/// # Errors
/// [`Refused`].
pub(crate) fn verify(keys: &[ApiKey], token: &str, now: Timestamp) -> Result<UserToken, Refused> {
    if token.len() > MAX_TOKEN {
        return Err(Refused);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Refused)?;
    let (header, claims) = signed.split_once('.').ok_or(Refused)?;
    let header: Header = part(header)?;
    if header.alg != "HS256" || header.crit.is_some() {
        return Err(Refused);
    }
    let key = keys.iter().find(|key| key.id == header.kid).ok_or(Refused)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused)?;
    // In constant time.
    hmac::verify(&signing(key), signed.as_bytes(), &signature).map_err(|_| Refused)?;
    check(part(claims)?, now)
}

/// Signs a token for `user_id` with `key`.
pub(crate) fn mint(key: &ApiKey, user_id: &str, now: Timestamp) -> (String, Timestamp) {
    #[derive(Serialize)]
    struct Minted<'a> {
        aud: &'a str,
        exp: i64,
        iat: i64,
        sub: &'a str,
    }
    let iat = now.as_second();
    let exp = iat.saturating_add(i64::try_from(MINTED_FOR.as_secs()).unwrap_or(0));
    let header = serde_json::json!({ "alg": "HS256", "kid": key.id, "typ": "JWT" }).to_string();
    let claims = Minted { aud: AUDIENCE, exp, iat, sub: user_id };
    let claims = serde_json::to_vec(&claims).unwrap_or_default();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&signing(key), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    (token, from_millis(exp.saturating_mul(1000)))
}

/// Whether a text can be a user's id at all; as for accounts.
pub(crate) fn is_user_id(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_USER_ID && !text.chars().any(char::is_control)
}

fn signing(key: &ApiKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key.secret.expose().as_bytes())
}

fn part<T: for<'de> Deserialize<'de>>(encoded: &str) -> Result<T, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refused)?;
    serde_json::from_slice(&bytes).map_err(|_| Refused)
}

fn check(claims: Claims, now: Timestamp) -> Result<UserToken, Refused> {
    let for_us = match &claims.aud {
        Audience::One(aud) => aud == AUDIENCE,
        Audience::Many(all) => all.iter().any(|aud| aud == AUDIENCE),
    };
    let moments = [Some(claims.exp), claims.iat, claims.nbf];
    let readable = moments.iter().flatten().all(|at| at.is_finite() && at.abs() < 1e11);
    if !for_us || !readable || !is_user_id(&claims.sub) {
        return Err(Refused);
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era are exact in an f64")]
    let now = to_millis(now) as f64 / 1000.0;
    let (longest, leeway) = (LONGEST.as_secs_f64(), LEEWAY.as_secs_f64());
    let ended = claims.exp + leeway <= now;
    let too_long = claims.exp > now + longest + leeway
        || claims.iat.is_some_and(|iat| claims.exp - iat > longest);
    let early = [claims.iat, claims.nbf].into_iter().flatten().any(|at| at > now + leeway);
    if ended || too_long || early {
        return Err(Refused);
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let expires_at = from_millis((claims.exp * 1000.0) as i64);
    Ok(UserToken { user_id: claims.sub, expires_at })
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
