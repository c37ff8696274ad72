//! The file of one dead letter: JSON that an operator can read, except for the body, which is
//! sealed and bound to the letter's id. Version 1 is pinned by a golden text.

use super::letters::NewLetter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use relink_core::Timestamp;
use relink_core::seal::{NonceBytes, SealError, SealKey};
use relink_core::trace::TraceContext;
use relink_core::wire::Topic;
use serde::{Deserialize, Serialize};
use std::io;
use uuid::Uuid;

const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct LetterFile {
    v: u32,
    topic: Topic,
    message_id: String,
    reason: String,
    died_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceContext>,
    /// Base64 of the sealed bytes.
    body: String,
}

/// A letter as it was buried.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) topic: Topic,
    pub(super) message_id: String,
    pub(super) reason: String,
    pub(super) died_at: Timestamp,
    pub(super) trace: Option<TraceContext>,
    pub(super) body: Bytes,
}

/// Why a file is not a letter that can be read here.
#[derive(Debug, thiserror::Error)]
pub(super) enum LetterError {
    #[error("not a dead letter: line {0} column {1}")]
    Malformed(usize, usize),
    #[error("written in version {0}, newer than the {VERSION} this release reads")]
    Newer(u32),
    #[error("written in version {0}, which no release writes")]
    Unknown(u32),
    #[error("its body is not base64")]
    Encoding,
    #[error("its body")]
    Seal(#[from] SealError),
}

/// The text of a letter.
pub(super) fn encode(
    key: &SealKey,
    id: Uuid,
    letter: &NewLetter,
    died_at: Timestamp,
) -> io::Result<Vec<u8>> {
    let mut nonce = NonceBytes::default();
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| io::Error::other("no random numbers"))?;
    let sealed = key.seal(nonce, &place(id), &letter.body).map_err(io::Error::other)?;
    let file = LetterFile {
        v: VERSION,
        topic: letter.topic,
        message_id: letter.message_id.clone(),
        reason: letter.reason.as_str().to_owned(),
        died_at,
        trace: letter.trace,
        body: BASE64.encode(sealed),
    };
    serde_json::to_vec(&file).map_err(io::Error::other)
}

/// A letter from its text.
pub(super) fn decode(key: &SealKey, id: Uuid, text: &[u8]) -> Result<Opened, LetterError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    // The position is enough to find it; the text may hold what must not be logged.
    let malformed = |error: serde_json::Error| LetterError::Malformed(error.line(), error.column());
    let Version { v } = serde_json::from_slice(text).map_err(malformed)?;
    match v {
        VERSION => {}
        newer if newer > VERSION => return Err(LetterError::Newer(newer)),
        unknown => return Err(LetterError::Unknown(unknown)),
    }
    let file: LetterFile = serde_json::from_slice(text).map_err(malformed)?;
    let sealed = BASE64.decode(&file.body).map_err(|_| LetterError::Encoding)?;
    let body = key.open(&place(id), &sealed)?;
    Ok(Opened {
        topic: file.topic,
        message_id: file.message_id,
        reason: file.reason,
        died_at: file.died_at,
        trace: file.trace,
        body: body.into(),
    })
}

fn place(id: Uuid) -> Vec<u8> {
    format!("dead/{id}").into_bytes()
}
