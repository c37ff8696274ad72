//! Cobalt's answers, read tolerantly: what counts as success, as a broken login and as any
//! other refusal, and how a field is found under one of its names.

use crate::client::CobaltError;
use relink_http::client::Answer;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The longest text field that is believed, in bytes.
const MAX_TEXT_BYTES: usize = 4096;

/// The longest of Cobalt's error words that is shown, in bytes.
const MAX_CODE_BYTES: usize = 64;

/// The value of an answer of success.
pub(crate) fn understand(call: &'static str, answer: &Answer) -> Result<Value, CobaltError> {
    let body = serde_json::from_slice::<Value>(&answer.body).ok();
    let status = answer.status.as_u16();
    let code = body.as_ref().and_then(error_word);
    if status == 403 && code.as_deref() == Some("login_required") {
        return Err(CobaltError::LoginRequired { call });
    }
    let says_no =
        body.as_ref().is_some_and(|body| body.get("success") == Some(&Value::Bool(false)));
    if !answer.status.is_success() || says_no {
        return Err(CobaltError::Refused { call, status, code });
    }
    match body {
        Some(body) if body.is_object() => Ok(body),
        Some(_) | None => Err(CobaltError::Unreadable { call, why: "it is not a JSON object" }),
    }
}

/// Whether this is an answer of success, for a caller that wants nothing of what is in it, which
/// may be about patients: only `success` is looked at, the rest is passed over in place.
pub(crate) fn confirm(call: &'static str, answer: &Answer) -> Result<(), CobaltError> {
    if !answer.status.is_success() {
        return understand(call, answer).map(drop);
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(&answer.body)
        .map_err(|_| CobaltError::Unreadable { call, why: "it is not a JSON object" })?;
    match fields.get("success").map(|said| said.get()) {
        Some("false") => {
            Err(CobaltError::Refused { call, status: answer.status.as_u16(), code: None })
        }
        Some(_) | None => Ok(()),
    }
}

/// `error`, if it is a word and not a sentence, which could repeat what must not be shown.
fn error_word(body: &Value) -> Option<String> {
    let word = body.get("error")?.as_str()?;
    let is_word = !word.is_empty()
        && word.len() <= MAX_CODE_BYTES
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_word.then(|| word.to_owned())
}

/// The text under the first of `names` that has some: not empty, no control characters.
pub(crate) fn text(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let text = value.get(name)?.as_str()?;
        let usable =
            !text.is_empty() && text.len() <= MAX_TEXT_BYTES && !text.chars().any(char::is_control);
        usable.then(|| text.to_owned())
    })
}
