//! One text message, one request, one [`Outcome`]. Twilio has no idempotency key, so a request
//! that may have arrived is never repeated here: it ends `Unknown` and is looked up.
//!
//! The number, the text and the credentials appear in the request and nowhere else.

use crate::answer::{Message, error_code};
use crate::classify;
use crate::text::{TextError, Texts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use relink_config::{Sms, SmsFrom};
use relink_core::Timestamp;
use relink_core::account::{Address, Channel};
use relink_core::attempt::{Outcome, Reason};
use relink_core::fail_point::{FailPoint, reached};
use relink_core::masked::PhoneNumber;
use relink_core::sender::{LookUp, MessageOrder, Sender, Sent};
use relink_http::client::{Answer, CallError, HttpClient};
use relink_http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use relink_http::{HeaderMap, Method};
use std::time::Duration;

/// How long Twilio may hold a message before it gives up, in seconds: its own bounds.
const VALIDITY: std::ops::RangeInclusive<u64> = 1..=36_000;

/// Sends text messages through Twilio.
pub struct SmsSender {
    pub(crate) http: HttpClient,
    /// Without a path or a slash at the end.
    pub(crate) host: String,
    /// The path of the account's messages.
    pub(crate) messages: String,
    authorization: HeaderValue,
    from: SmsFrom,
    texts: Texts,
}

/// Why text messages cannot be sent with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum SmsSetupError {
    /// A value is not set.
    #[error("sms.{key} is empty: set it, or set sms.enabled = false")]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// The credentials cannot be written in a header.
    #[error("sms.api_user or sms.auth_token is too long to be sent")]
    Credentials,
    /// No message fits beside the link.
    #[error(
        "instance.public_url is {length} characters long: a text message with its links in it would not fit one segment, shorten it by {excess}"
    )]
    PublicUrlTooLong {
        /// How long it is.
        length: usize,
        /// By how many characters it is too long.
        excess: usize,
    },
    /// The texts cannot be made.
    #[error("text messages cannot be made from instance.public_url and the templates")]
    Texts(#[source] TextError),
}

/// Shows no credentials.
impl std::fmt::Debug for SmsSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmsSender").field("host", &self.host).finish_non_exhaustive()
    }
}

impl SmsSender {
    /// Takes the configuration and proves that every message fits one segment. The deadlines
    /// are those of `http`; 5 s to connect and 30 s in all suit Twilio.
    ///
    /// # Errors
    /// See [`SmsSetupError`].
    pub fn new(
        config: &Sms,
        instance_name: &str,
        public_url: &str,
        http: HttpClient,
    ) -> Result<Self, SmsSetupError> {
        for (key, value) in [
            ("account_sid", config.account_sid.as_str()),
            ("api_user", &config.api_user),
            ("auth_token", config.auth_token.expose()),
        ] {
            if value.is_empty() {
                return Err(SmsSetupError::Missing { key });
            }
        }
        let texts = Texts::new(instance_name, public_url).map_err(|error| match error {
            TextError::LinkTooLong { excess } => {
                SmsSetupError::PublicUrlTooLong { length: public_url.chars().count(), excess }
            }
            TextError::LinkNotGsm7(_) | TextError::NoSuchMessage(_) | TextError::Template(_) => {
                SmsSetupError::Texts(error)
            }
        })?;
        let user = format!("{}:{}", config.api_user, config.auth_token.expose());
        let basic = format!("Basic {}", STANDARD.encode(user));
        let mut authorization =
            HeaderValue::try_from(basic).map_err(|_| SmsSetupError::Credentials)?;
        authorization.set_sensitive(true);
        Ok(Self {
            http,
            host: config.api_url.trim_end_matches('/').to_owned(),
            messages: format!("/2010-04-01/Accounts/{}/Messages.json", config.account_sid),
            authorization,
            from: config.from.clone(),
            texts,
        })
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, self.authorization.clone())])
    }

    /// The body of a create request.
    fn form(&self, to: &PhoneNumber, text: &str, valid_for: Duration) -> Bytes {
        let validity = valid_for.as_secs().clamp(*VALIDITY.start(), *VALIDITY.end());
        let (from_key, from) = match &self.from {
            SmsFrom::Number(number) => ("From", number),
            SmsFrom::MessagingService(sid) => ("MessagingServiceSid", sid),
        };
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", to.expose())
            .append_pair(from_key, from)
            .append_pair("Body", text)
            .append_pair("ValidityPeriod", &validity.to_string())
            .append_pair("SmartEncoded", "true")
            .finish();
        Bytes::from(form)
    }
}

#[async_trait::async_trait]
impl Sender for SmsSender {
    fn channel(&self) -> Channel {
        Channel::Sms
    }

    async fn send(&self, order: &MessageOrder) -> Sent {
        let Address::Phone(to) = &order.address else {
            return Outcome::Rejected { reason: Reason::ContentRefused }.into();
        };
        let text = match self.texts.render(order.kind, order.reminder, &order.link) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "a text message could not be made");
                return Outcome::Rejected { reason: Reason::ContentRefused }.into();
            }
        };
        let mut headers = self.headers();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let url = format!("{}{}", self.host, self.messages);
        let form = self.form(to, &text, order.valid_for);
        let answered = self.http.call(Method::POST, &url, headers, form).await;
        reached(FailPoint::AfterHttpWrite);
        match answered {
            Ok(answer) if answer.status.is_success() => made(&answer),
            Ok(answer) => refused(&answer),
            Err(error) => unanswered(&error).into(),
        }
    }

    async fn look_up(&self, order: &MessageOrder, since: Timestamp) -> LookUp {
        let Address::Phone(to) = &order.address else {
            return LookUp::Absent;
        };
        crate::look_up::look_up(self, to, &order.link, since).await
    }
}

/// Twilio made the message, unless the answer cannot be read.
fn made(answer: &Answer) -> Sent {
    let message = serde_json::from_slice::<Message>(&answer.body).ok();
    let read = message.as_ref().and_then(|message| Some((message, message.sid()?)));
    let Some((message, sid)) = read else {
        let provider_code = Some(format!("http {}", answer.status.as_u16()));
        let outcome = Outcome::Unknown { reason: Reason::ProviderError };
        return Sent { outcome, provider_message_id: None, provider_code };
    };
    let outcome = if message.failed() {
        warn_if_new(message.error_code);
        classify::failure(message.error_code)
    } else {
        Outcome::Accepted
    };
    Sent {
        outcome,
        provider_message_id: Some(sid.to_owned()),
        provider_code: message.error_code.map(|code| code.to_string()),
    }
}

/// Twilio answered with an error.
pub(crate) fn refused(answer: &Answer) -> Sent {
    let status = answer.status.as_u16();
    let code = error_code(&answer.body);
    warn_if_new(code);
    let provider_code = code.map_or_else(|| format!("http {status}"), |code| code.to_string());
    Sent {
        outcome: classify::refusal(status, code, answer.retry_after()),
        provider_message_id: None,
        provider_code: Some(provider_code),
    }
}

/// There is no answer, or none that can be read.
pub(crate) fn unanswered(error: &CallError) -> Outcome {
    match error {
        CallError::NotSent(_) => {
            Outcome::Deferred { reason: Reason::ConnectFailed, retry_after: None }
        }
        CallError::NoAnswer(_) => Outcome::Unknown { reason: Reason::NoAnswer },
        CallError::BadAnswer(_) => Outcome::Unknown { reason: Reason::ProviderError },
    }
}

/// A code we have no meaning for is handled by its family; somebody should look it up.
fn warn_if_new(code: Option<u32>) {
    if let Some(code) = code.filter(|code| !classify::is_known(*code)) {
        tracing::warn!(code, "Twilio answered with a code that this release does not know");
    }
}

#[cfg(test)]
#[path = "sender_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "sender_fuzz.rs"]
mod fuzz;
