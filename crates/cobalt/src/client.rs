//! What Cobalt can be asked: a link token, the list of webhook events, an account's settings, and
//! whether its login works. Registering webhooks is in [`crate::webhooks`].
//!
//! Every call is made once: whether to repeat it is for the caller, and [`CobaltError`] says
//! what is known. Cobalt's answers are read tolerantly, its wording is never kept, and no
//! credential or token gets into an error.

use crate::answer;
use crate::listed::{EventFilter, EventsPage};
use bytes::Bytes;
use relink_config::Cobalt;
use relink_core::id::AccountRef;
use relink_core::masked::Secret;
use relink_http::client::{Answer, CallError, HttpClient};
use relink_http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use relink_http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

const CLIENT_ID: HeaderName = HeaderName::from_static("client_id");
const CLIENT_SECRET: HeaderName = HeaderName::from_static("client_secret");
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("access_token");

/// Cobalt's reference has the path with the version, its guides without.
const LINK_TOKEN_PATH: &str = "/v1/link/token/create";
const LINK_TOKEN_BARE_PATH: &str = "/link/token/create";
const SETTINGS_PATH: &str = "/v1/settings";
const EVENTS_PATH: &str = "/v1/webhook-events";

/// Asks Cobalt with the customer's credentials.
pub struct CobaltClient {
    http: HttpClient,
    /// Without a slash at the end.
    api_url: String,
    /// What [`Self::probe`] asks for; begins with a slash.
    probe_path: String,
    headers: HeaderMap,
    /// Set once the path with the version was not found and the one without was.
    bare_link_path: AtomicBool,
}

/// Why Cobalt cannot be asked with this configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CobaltSetupError {
    /// A value is not set.
    #[error("cobalt.{key} is not set: Cobalt answers nothing without it")]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// A value cannot be sent.
    #[error("cobalt.{key} has a character that no HTTP header can carry")]
    NotAHeader {
        /// Which.
        key: &'static str,
    },
}

/// How a call failed. `call` names what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CobaltError {
    /// No answer; the source tells whether the request can have arrived.
    #[error("Cobalt gave no answer to: {call}")]
    Call {
        /// What was asked.
        call: &'static str,
        /// What happened.
        #[source]
        source: CallError,
    },
    /// Cobalt says that this account's login has to be linked again.
    #[error("Cobalt answered login_required to: {call}")]
    LoginRequired {
        /// What was asked.
        call: &'static str,
    },
    /// Any other refusal, wrong client credentials among them.
    #[error("Cobalt refused: {call} (HTTP {status}{})", shown(.code))]
    Refused {
        /// What was asked.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// Cobalt's own word for it, if it is one.
        code: Option<String>,
    },
    /// An answer of success that is not what was asked for.
    #[error("Cobalt's answer cannot be understood: {call} ({why})")]
    Unreadable {
        /// What was asked.
        call: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The access token on file cannot be one; the account has to be registered again.
    #[error("the access token on file has a character that no HTTP header can carry")]
    BadAccessToken,
}

fn shown(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(", {code}")).unwrap_or_default()
}

/// Whether an account's login works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Cobalt answers for it.
    Healthy,
    /// Cobalt wants it linked again.
    LoginRequired,
    /// Nobody knows: to be asked again later.
    Unknown {
        /// Why.
        why: CobaltError,
    },
}

/// What Cobalt keeps about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The customer's name for it; none until it is set.
    pub account_ref: Option<AccountRef>,
    /// IANA zone, as Cobalt gives it.
    pub time_zone: Option<String>,
}

/// Shows no credentials.
impl std::fmt::Debug for CobaltClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CobaltClient").field("api_url", &self.api_url).finish_non_exhaustive()
    }
}

impl CobaltClient {
    /// # Errors
    /// See [`CobaltSetupError`].
    pub fn new(config: &Cobalt, http: HttpClient) -> Result<Self, CobaltSetupError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, key, value) in [
            (CLIENT_ID, "client_id", &config.client_id),
            (CLIENT_SECRET, "client_secret", &config.client_secret),
        ] {
            let value = value.as_ref().filter(|value| !value.expose().is_empty());
            let value = value.ok_or(CobaltSetupError::Missing { key })?;
            let value = sensitive(value).ok_or(CobaltSetupError::NotAHeader { key })?;
            headers.insert(name, value);
        }
        Ok(Self {
            http,
            api_url: config.api_url.trim_end_matches('/').to_owned(),
            probe_path: config.probe_path.clone(),
            headers,
            bare_link_path: AtomicBool::new(false),
        })
    }

    /// A token for Link in update mode: single use, 30 minutes.
    ///
    /// # Errors
    /// See [`CobaltError`]. A call without an answer may have made a token that nobody has; it
    /// expires unused, so asking again is safe.
    pub async fn create_link_token(
        &self,
        user_id: &str,
        org_id: &str,
        access_token: &Secret,
    ) -> Result<Secret, CobaltError> {
        const CALL: &str = "make a link token";
        let body = json!({
            "user_id": user_id,
            "org_id": org_id,
            "access_token": access_token.expose(),
        });
        let body = Bytes::from(body.to_string());
        let bare = self.bare_link_path.load(Ordering::Relaxed);
        let post = |bare: bool| {
            let path = if bare { LINK_TOKEN_BARE_PATH } else { LINK_TOKEN_PATH };
            self.call(CALL, Method::POST, path, self.headers.clone(), body.clone())
        };
        let mut answer = post(bare).await?;
        if answer.status == StatusCode::NOT_FOUND {
            answer = post(!bare).await?;
            if answer.status != StatusCode::NOT_FOUND {
                self.bare_link_path.store(!bare, Ordering::Relaxed);
            }
        }
        let value = answer::understand(CALL, &answer)?;
        let token = answer::text(&value, &["token", "link_token"]);
        token
            .map(Secret::new)
            .ok_or(CobaltError::Unreadable { call: CALL, why: "there is no token in it" })
    }

    /// One page of the webhook events that Cobalt has sent or tried to, oldest first. `page`
    /// counts from 1.
    ///
    /// # Errors
    /// See [`CobaltError`].
    pub async fn webhook_events(
        &self,
        filter: &EventFilter<'_>,
        page: u32,
    ) -> Result<EventsPage, CobaltError> {
        const CALL: &str = "list webhook events";
        let headers = match filter.access_token {
            Some(token) => self.headers_for(token)?,
            None => self.headers.clone(),
        };
        let path = format!("{EVENTS_PATH}?{}", filter.query(page));
        let answer = self.call(CALL, Method::GET, &path, headers, Bytes::new()).await?;
        let value = answer::understand(CALL, &answer)?;
        EventsPage::read(&value, page)
            .ok_or(CobaltError::Unreadable { call: CALL, why: "there is no list of events in it" })
    }

    /// What Cobalt keeps about an account; `None` when it keeps nothing.
    ///
    /// # Errors
    /// See [`CobaltError`].
    pub async fn settings(&self, access_token: &Secret) -> Result<Option<Settings>, CobaltError> {
        match self.read_settings(access_token).await {
            Ok(value) => {
                let data = value.get("data").unwrap_or(&value);
                let account_ref = answer::text(data, &["access_token_reference_id"]);
                Ok(Some(Settings {
                    account_ref: account_ref.and_then(|text| AccountRef::parse(&text).ok()),
                    time_zone: answer::text(data, &["timezone"]),
                }))
            }
            Err(CobaltError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives an account its name, Cobalt's `access_token_reference_id`. Answers the name that
    /// Cobalt repeats, if it repeats one. Setting it again to the same is safe.
    ///
    /// # Errors
    /// See [`CobaltError`].
    pub async fn set_account_ref(
        &self,
        access_token: &Secret,
        account_ref: &AccountRef,
    ) -> Result<Option<String>, CobaltError> {
        const CALL: &str = "name an account";
        let headers = self.headers_for(access_token)?;
        let body = json!({ "access_token_reference_id": account_ref.as_str() });
        let body = Bytes::from(body.to_string());
        let answer = self.call(CALL, Method::POST, SETTINGS_PATH, headers, body).await?;
        let value = answer::understand(CALL, &answer)?;
        let named = ["access_token_reference_id"];
        let in_data = value.get("data").and_then(|data| answer::text(data, &named));
        Ok(in_data.or_else(|| answer::text(&value, &named)))
    }

    /// Asks for something of the account (`[cobalt] probe_path`) only to see whether its login
    /// works. A 403 counts as broken only when it says so: it can also mean that our own
    /// credentials are refused. Nothing of a good answer is kept.
    pub async fn probe(&self, access_token: &Secret) -> Probe {
        match self.ask_for_anything(access_token).await {
            Ok(()) => Probe::Healthy,
            Err(CobaltError::LoginRequired { .. }) => Probe::LoginRequired,
            Err(
                why @ (CobaltError::Call { .. }
                | CobaltError::Refused { .. }
                | CobaltError::Unreadable { .. }
                | CobaltError::BadAccessToken),
            ) => Probe::Unknown { why },
        }
    }

    async fn ask_for_anything(&self, access_token: &Secret) -> Result<(), CobaltError> {
        const CALL: &str = "look whether a login works";
        if self.probe_path == SETTINGS_PATH {
            return self.read_settings(access_token).await.map(drop);
        }
        let headers = self.headers_for(access_token)?;
        let answer = self.call(CALL, Method::GET, &self.probe_path, headers, Bytes::new()).await?;
        answer::confirm(CALL, &answer)
    }

    async fn read_settings(&self, access_token: &Secret) -> Result<Value, CobaltError> {
        const CALL: &str = "read an account's settings";
        let headers = self.headers_for(access_token)?;
        let answer = self.call(CALL, Method::GET, SETTINGS_PATH, headers, Bytes::new()).await?;
        answer::understand(CALL, &answer)
    }

    /// The headers of a call that names no account.
    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    pub(crate) fn headers_for(&self, access_token: &Secret) -> Result<HeaderMap, CobaltError> {
        let mut headers = self.headers.clone();
        headers.insert(ACCESS_TOKEN, sensitive(access_token).ok_or(CobaltError::BadAccessToken)?);
        Ok(headers)
    }

    pub(crate) async fn call(
        &self,
        call: &'static str,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, CobaltError> {
        let url = format!("{}{path}", self.api_url);
        let answer = self.http.call(method, &url, headers, body).await;
        answer.map_err(|source| CobaltError::Call { call, source })
    }
}

fn sensitive(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
