//! Registering webhooks with Cobalt. Its pages contradict each other about every answer, so each
//! is looked at in all the places in which an id, a URL or a secret was ever shown; and about the
//! path of rotating, so the other is tried where one is not there.
//!
//! Nothing here repeats a call that may have had an effect, and a secret only leaves in a type
//! that prints masked.

use crate::answer::{self, text};
use crate::client::{CobaltClient, CobaltError};
use bytes::Bytes;
use relink_core::id::InvalidValue;
use relink_core::masked::Secret;
use relink_http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

const PATH: &str = "/v1/webhook";
const ROTATE: &str = "rotate-secret";

const IDS: &[&str] = &["webhook_id", "id"];
const URLS: &[&str] = &["webhook_url", "url"];
const SECRETS: &[&str] = &["webhook_secret_key", "webhook_secret", "secret"];

/// Cobalt's id of a registered webhook, such as `987654321` or `wh_123456789`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookId(String);

impl WebhookId {
    /// The longest, in bytes.
    pub const MAX_BYTES: usize = 150;

    /// An id: letters, digits, `_`, `-`; it becomes part of a path.
    ///
    /// # Errors
    /// It has other characters, none, or too many.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if fits && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidValue::new("webhook id", "is not one: letters, digits, \"_\" and \"-\""))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for WebhookId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an answer said about one webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Webhook {
    /// Its id, if one was said that can be used.
    pub id: Option<WebhookId>,
    /// Where it posts to.
    pub url: Option<String>,
    /// What it signs with.
    pub secret: Option<Secret>,
}

/// What is registered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Webhooks {
    /// Each with a URL, in Cobalt's order; one with a secret of its own has it.
    pub list: Vec<Webhook>,
    /// The secret that all of them share, where Cobalt shows one.
    pub secret: Option<Secret>,
}

impl Webhooks {
    /// The webhook that posts to `url`; a slash at the end makes no difference.
    pub fn by_url(&self, url: &str) -> Option<&Webhook> {
        let wanted = url.trim_end_matches('/');
        let is = |hook: &&Webhook| hook.url.as_deref().is_some_and(|url| same(url, wanted));
        self.list.iter().find(is)
    }

    /// What this webhook signs with, if Cobalt shows it.
    pub fn secret_of<'a>(&'a self, hook: &'a Webhook) -> Option<&'a Secret> {
        hook.secret.as_ref().or(self.secret.as_ref())
    }
}

fn same(url: &str, wanted: &str) -> bool {
    url.trim_end_matches('/') == wanted
}

impl CobaltClient {
    /// What is registered. `access_token` is left out unless Cobalt insists on one.
    ///
    /// # Errors
    /// See [`CobaltError`].
    pub async fn webhooks(&self, access_token: Option<&Secret>) -> Result<Webhooks, CobaltError> {
        const CALL: &str = "list webhooks";
        let headers = self.headers_with(access_token)?;
        let answer = self.call(CALL, Method::GET, PATH, headers, Bytes::new()).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Webhooks::default());
        }
        let value = answer::understand(CALL, &answer)?;
        read_list(&value)
            .ok_or(CobaltError::Unreadable { call: CALL, why: "its list of webhooks is none" })
    }

    /// Registers `url`, which must be https. Look first whether it is registered: what Cobalt does
    /// with a second registration is not known.
    ///
    /// # Errors
    /// See [`CobaltError`]. Without an answer it may be registered all the same.
    pub async fn register_webhook(
        &self,
        url: &str,
        access_token: Option<&Secret>,
    ) -> Result<Webhook, CobaltError> {
        const CALL: &str = "register a webhook";
        let headers = self.headers_with(access_token)?;
        let body = Bytes::from(json!({ "webhook_url": url }).to_string());
        let answer = self.call(CALL, Method::POST, PATH, headers, body).await?;
        Ok(read_one(&answer::understand(CALL, &answer)?))
    }

    /// Removes a webhook. `false` when there is none of this id.
    ///
    /// # Errors
    /// See [`CobaltError`].
    pub async fn remove_webhook(
        &self,
        id: &WebhookId,
        access_token: Option<&Secret>,
    ) -> Result<bool, CobaltError> {
        const CALL: &str = "remove a webhook";
        let headers = self.headers_with(access_token)?;
        let path = format!("{PATH}/{id}");
        let answer = self.call(CALL, Method::DELETE, &path, headers, Bytes::new()).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        // Nothing of the answer is needed, and 204 has none.
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(true);
        }
        answer::understand(CALL, &answer).map(|_| true)
    }

    /// Makes Cobalt sign with a new secret; it says that the one before counts for 24 hours more.
    /// By the path with the id where there is one, and where that path is not there by the other.
    ///
    /// # Errors
    /// See [`CobaltError`]. Without an answer the secret may be a new one that nobody has seen:
    /// [`Self::webhooks`] may show it.
    pub async fn rotate_webhook_secret(
        &self,
        id: Option<&WebhookId>,
        access_token: Option<&Secret>,
    ) -> Result<Webhook, CobaltError> {
        const CALL: &str = "rotate a webhook's secret";
        let headers = self.headers_with(access_token)?;
        let bare = format!("{PATH}/{ROTATE}");
        let post = |path: String| {
            let headers = headers.clone();
            async move { self.call(CALL, Method::POST, &path, headers, Bytes::from("{}")).await }
        };
        let mut answer = match id {
            Some(id) => post(format!("{PATH}/{id}/{ROTATE}")).await?,
            None => post(bare.clone()).await?,
        };
        if id.is_some() && answer.status == StatusCode::NOT_FOUND {
            answer = post(bare).await?;
        }
        let rotated = read_one(&answer::understand(CALL, &answer)?);
        match rotated.secret {
            Some(_) => Ok(rotated),
            None => Err(CobaltError::Unreadable { call: CALL, why: "there is no secret in it" }),
        }
    }

    fn headers_with(&self, access_token: Option<&Secret>) -> Result<HeaderMap, CobaltError> {
        access_token.map_or_else(|| Ok(self.headers()), |token| self.headers_for(token))
    }
}

/// One webhook out of an answer: in `webhook`, then in `data`, then at the top.
fn read_one(answer: &Value) -> Webhook {
    let places = [answer.get("webhook"), answer.get("data"), Some(answer)];
    let places = || places.into_iter().flatten();
    Webhook {
        id: places().find_map(id_in),
        url: places().find_map(|place| text(place, URLS)),
        secret: places().find_map(|place| text(place, SECRETS)).map(Secret::new),
    }
}

/// `None` when there is something in the list's place that is no list. An item without a URL
/// posts nowhere.
fn read_list(answer: &Value) -> Option<Webhooks> {
    let top = answer.get("data").filter(|data| data.is_object()).unwrap_or(answer);
    let found = ["webhook_urls", "webhooks", "data"].iter().find_map(|name| top.get(name));
    let items: &[Value] = match found {
        None | Some(Value::Null) => &[],
        Some(found) => found.as_array()?,
    };
    let mut list: Vec<Webhook> = items.iter().filter_map(read_item).collect();
    // One URL may stand alone, without an id.
    let alone = Webhook { url: text(top, &["webhook_url"]), ..Webhook::default() };
    if let Some(url) = &alone.url
        && !list.iter().any(|hook| hook.url.as_deref().is_some_and(|known| same(known, url)))
    {
        list.push(alone);
    }
    Some(Webhooks { list, secret: text(top, SECRETS).map(Secret::new) })
}

fn read_item(item: &Value) -> Option<Webhook> {
    let url = match item {
        Value::String(url) => Some(url.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            text(item, URLS)
        }
    };
    let secret = text(item, SECRETS).map(Secret::new);
    Some(Webhook { id: id_in(item), url: Some(url?), secret })
}

/// The id in `place`, which may be written as a number.
fn id_in(place: &Value) -> Option<WebhookId> {
    IDS.iter().find_map(|name| match place.get(name)? {
        Value::String(id) => WebhookId::parse(id).ok(),
        Value::Number(id) => WebhookId::parse(&id.to_string()).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

#[cfg(test)]
#[path = "webhooks_tests.rs"]
mod tests;
