//! Who is told: an HTTP endpoint of the customer's app, or the broker's exchange of events. Each tells
//! once and repeats nothing.

use super::{Answer, Listener};
use bytes::Bytes;
use relink_core::Timestamp;
use relink_core::app_event::Told;
use relink_core::app_signature::{SigningSecret, signatures};
use relink_http::client::HttpClient;
use relink_http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use relink_http::{HeaderMap, Method};
use relink_queue::Published;
use relink_queue::rabbitmq::RabbitEvents;
use relink_store::DueEvent;
use tokio::sync::Mutex;

/// An endpoint that is posted to, in the form of Standard Webhooks.
pub struct Post {
    /// Makes the calls: no redirects, a deadline over all of one.
    pub http: HttpClient,
    /// Where.
    pub url: String,
    /// What signs, every one.
    pub secrets: Vec<SigningSecret>,
}

#[async_trait::async_trait]
impl Listener for Post {
    async fn tell(&self, event: &DueEvent) -> Answer {
        let headers = signed(event, &self.secrets, Timestamp::now().as_second());
        let body = Bytes::copy_from_slice(event.body.as_bytes());
        match self.http.call_unread(Method::POST, &self.url, headers, body).await {
            Ok(answer) => {
                let status = answer.status.as_u16();
                Answer {
                    told: Told::by_status(status, answer.retry_after()),
                    status: Some(status),
                    why: format!("it answered {status}"),
                }
            }
            Err(error) => {
                Answer { told: Told::NotTaken { wish: None }, status: None, why: error.to_string() }
            }
        }
    }
}

/// The headers of one try, made at `seconds` since 1970.
fn signed(event: &DueEvent, secrets: &[SigningSecret], seconds: i64) -> HeaderMap {
    let id = event.event_id.to_string();
    let signature = signatures(secrets, &id, seconds, &event.body);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("relink/", env!("CARGO_PKG_VERSION"))),
    );
    let texts = [
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signature),
    ];
    for (name, text) in texts {
        // UUIDs, digits and base64 are header values.
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// The broker's exchange of events.
pub struct Exchange(Mutex<RabbitEvents>);

impl Exchange {
    /// Publishes there.
    pub fn new(events: RabbitEvents) -> Self {
        Self(Mutex::new(events))
    }
}

#[async_trait::async_trait]
impl Listener for Exchange {
    async fn tell(&self, event: &DueEvent) -> Answer {
        let (kind, id) = (event.kind.as_str(), event.event_id.to_string());
        match self.0.lock().await.publish(kind, &id, event.body.as_bytes()).await {
            Published::Stored => Answer { told: Told::Taken, status: None, why: String::new() },
            Published::NotStored(fault) => {
                Answer { told: Told::NotTaken { wish: None }, status: None, why: fault.to_string() }
            }
        }
    }
}
