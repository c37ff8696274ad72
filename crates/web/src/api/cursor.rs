//! Paging: the last row of a page, as an opaque text that the next request hands back. Tampering
//! with it can only lead to another page of the same list.

use crate::error::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows on a page when the request does not say.
const DEFAULT_LIMIT: usize = 50;

/// Rows on a page at most.
const MAX_LIMIT: usize = 200;

pub(crate) fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::BadRequest(format!("limit: 1 to {MAX_LIMIT}."))),
    }
}

/// Cuts `rows`, of which one more than `limit` was asked for, down to a page. Answers its
/// `next` as well: the key of the last row, if there is a row after it.
pub(crate) fn page<R, K: Serialize>(
    mut rows: Vec<R>,
    limit: usize,
    key: impl Fn(&R) -> K,
) -> (Vec<R>, Option<String>) {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).and_then(|last| encode(&key(last)));
    (rows, next)
}

fn encode<T: Serialize>(key: &T) -> Option<String> {
    serde_json::to_vec(key).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

pub(crate) fn decode<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(cursor) = cursor else { return Ok(None) };
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .map(Some)
        .ok_or_else(|| {
            ApiError::BadRequest("cursor: use the `next` of a previous page, unchanged.".into())
        })
}
