//! The bytes of a kept request, and nothing but bytes. Pinned by a golden file; a change here
//! needs a new [`VERSION`] and a reader for the old one.
//!
//! | file | |
//! |---|---|
//! | magic | `RLKQUAR` |
//! | version | u8 |
//! | the rest | nonce, AES-256-GCM of (u8 length of the source, source, u8 length of the signature, signature, u8 length of the id, id, body), tag; bound to version and name |
//!
//! Version 1 has no id.

use super::Name;
use bytes::Bytes;
use relink_core::seal::{NonceBytes, SealError, SealKey};
use std::io;

/// The newest format that this release reads, and the one it writes.
const VERSION: u8 = 2;
/// The oldest that it reads.
const OLDEST: u8 = 1;
const MAGIC: &[u8; 7] = b"RLKQUAR";

/// A request as it came. Nothing in it is proven. Shows neither body nor signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    /// The address it came from, as far as that is known.
    pub source: String,
    /// The value of Cobalt's signature header.
    pub signature: String,
    /// The value of Cobalt's header with the event's id, when it was one.
    pub webhook_id: Option<String>,
    /// The body, to the byte.
    pub body: Bytes,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Why a file in the quarantine cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The beginning is not that of a kept request.
    #[error("damaged: not a kept request")]
    Malformed,
    /// Written by a later release.
    #[error("written in version {0}, newer than the {VERSION} this release reads")]
    Newer(u8),
    /// Altered, renamed, or sealed with another spool key.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The file of a request.
pub(super) fn encode(
    key: &SealKey,
    nonce: NonceBytes,
    name: &Name,
    held: &Held,
) -> io::Result<Vec<u8>> {
    let mut plain = Vec::with_capacity(held.body.len() + 256);
    let id = held.webhook_id.as_deref().unwrap_or_default();
    for text in [&held.source, &held.signature, id] {
        plain.push(u8::try_from(text.len()).map_err(io::Error::other)?);
        plain.extend_from_slice(text.as_bytes());
    }
    plain.extend_from_slice(&held.body);
    let sealed = key.seal(nonce, &place(VERSION, name), &plain).map_err(io::Error::other)?;
    Ok([&MAGIC[..], &[VERSION], &sealed].concat())
}

/// The request in a file.
pub(super) fn decode(key: &SealKey, name: &Name, file: &[u8]) -> Result<Held, Unreadable> {
    let rest = file.strip_prefix(MAGIC).ok_or(Unreadable::Malformed)?;
    let (version, sealed) = rest.split_first().ok_or(Unreadable::Malformed)?;
    match *version {
        OLDEST..=VERSION => {}
        newer if newer > VERSION => return Err(Unreadable::Newer(newer)),
        _ => return Err(Unreadable::Malformed),
    }
    let plain = Bytes::from(key.open(&place(*version, name), sealed)?);
    let (source, rest) = text(&plain).ok_or(Unreadable::Malformed)?;
    let (signature, rest) = text(rest).ok_or(Unreadable::Malformed)?;
    let (id, body) = match *version {
        OLDEST => (String::new(), rest),
        _ => text(rest).ok_or(Unreadable::Malformed)?,
    };
    let webhook_id = Some(id).filter(|id| !id.is_empty());
    Ok(Held { source, signature, webhook_id, body: plain.slice_ref(body) })
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

fn place(version: u8, name: &Name) -> Vec<u8> {
    format!("quarantine/{version}/{name}").into_bytes()
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
