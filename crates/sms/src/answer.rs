//! Twilio's answers as far as we read them. Unknown fields are left alone, and a body, a number
//! or Twilio's own wording is never kept.

use serde::{Deserialize, Deserializer};

/// The longest message id that is believed, in bytes. Twilio's have 34.
const MAX_SID_BYTES: usize = 64;

/// A message as Twilio shows it.
#[derive(Deserialize)]
pub(crate) struct Message {
    sid: Option<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    pub(crate) error_code: Option<u32>,
    /// Present in lists; used for matching only.
    pub(crate) body: Option<String>,
    /// RFC 2822.
    pub(crate) date_created: Option<String>,
}

impl Message {
    /// The message's id, if it is one.
    pub(crate) fn sid(&self) -> Option<&str> {
        self.sid.as_deref().filter(|sid| {
            (sid.starts_with("SM") || sid.starts_with("MM"))
                && (3..=MAX_SID_BYTES).contains(&sid.len())
                && sid.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// Whether it ended before any carrier had it.
    pub(crate) fn failed_at_twilio(&self) -> bool {
        matches!(self.status.as_deref(), Some("failed" | "canceled"))
    }

    /// Whether it ended without reaching the person, as far as an answer to its making can say.
    pub(crate) fn failed(&self) -> bool {
        self.failed_at_twilio() || self.status.as_deref() == Some("undelivered")
    }
}

/// One page of a list of messages.
#[derive(Deserialize)]
pub(crate) struct Page {
    pub(crate) messages: Vec<Message>,
    /// A path on the same host.
    pub(crate) next_page_uri: Option<String>,
}

/// The code in an error answer, if there is one.
pub(crate) fn error_code(body: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct ErrorAnswer {
        #[serde(default, deserialize_with = "number_or_text")]
        code: Option<u32>,
    }
    serde_json::from_slice::<ErrorAnswer>(body).ok()?.code
}

/// Twilio writes numbers now as numbers, now as text; anything else counts as none.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    Ok(number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0))
}
