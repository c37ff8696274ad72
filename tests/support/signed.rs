//! Webhooks as Cobalt signs them: HMAC-SHA256 in hex over the compact JSON text.

use crate::corpus::not_http;
use aws_lc_rs::hmac;
use bytes::Bytes;
use relink_http::client::{Answer, CallError, HttpClient, Limits};
use relink_http::{HeaderMap, Method, header};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The secret every scenario configures.
pub const WEBHOOK_SECRET: &str = "your_webhook_secret_key";

/// Cobalt's documented event for one account, compact.
pub fn login_required(event_id: &str, account_ref: &str) -> String {
    login_required_at(event_id, account_ref, "2025-10-21T14:30:00.000Z")
}

/// The same, created at this moment.
pub fn login_required_at(event_id: &str, account_ref: &str, created: impl fmt::Display) -> String {
    serde_json::json!({
        "id": event_id, "access_token_reference_id": account_ref, "object": "event",
        "created": created.to_string(), "type": "access_token.login_required",
        "data": {
            "access_token_reference_id": account_ref,
            "emr_instance_domain": "https://your-emr-instance.com",
            "message": "FIXTURE - not Cobalt text", "error_type": "password_expired",
        },
    })
    .to_string()
}

/// Bytes for a socket that are not quite a webhook, by what is wrong with them: the corpus of the
/// receiver's own tests.
pub fn malformed_requests() -> Vec<(&'static str, Vec<u8>)> {
    let event = login_required("evt-malformed", "account-malformed");
    let key = hmac::Key::new(hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
    not_http(&event, &hex::encode(hmac::sign(&key, event.as_bytes())))
}

/// Posts a signed webhook on a connection of its own, once; the status, and how long the receiver
/// took for it.
///
/// # Errors
/// What became of the connection in place of an answer.
pub async fn post_alone(receiver: SocketAddr, body: &str) -> io::Result<(u16, Duration)> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
    let signature = hex::encode(hmac::sign(&key, body.as_bytes()));
    let request = format!(
        "POST /webhooks/cobalt HTTP/1.1\r\nhost: {receiver}\r\ncontent-type: application/json\r\n\
         cobalt-verification: {signature}\r\nwebhook-attempt: 1\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(receiver).await?;
    let connected = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let status = status.map(|status| (status, connected.elapsed()));
    status.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, answer))
}

/// Posts signed webhooks to one receiver.
#[derive(Clone)]
pub struct Sender {
    url: String,
    client: HttpClient,
    key: hmac::Key,
    webhook_id: Option<String>,
}

impl Sender {
    /// Posts to the receiver at `receiver_url`, with Cobalt's first deadline.
    pub fn new(receiver_url: &str) -> Self {
        let limits = Limits { total: Duration::from_secs(5), ..Limits::default() };
        Self {
            url: format!("{receiver_url}/webhooks/cobalt"),
            client: HttpClient::new(limits).unwrap(),
            key: hmac::Key::new(hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes()),
            webhook_id: None,
        }
    }

    /// Names the event in a header too.
    #[must_use]
    pub fn naming(self, webhook_id: &str) -> Self {
        Self { webhook_id: Some(webhook_id.to_owned()), ..self }
    }

    /// Signs `signed` and posts `body`, which are usually the same.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn post_as(&self, body: &str, signed: &str) -> Result<Answer, CallError> {
        let signature = hex::encode(hmac::sign(&self.key, signed.as_bytes()));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        headers.insert("cobalt-verification", signature.parse().unwrap());
        headers.insert("webhook-attempt", "1".parse().unwrap());
        if let Some(id) = &self.webhook_id {
            headers.insert("webhook-id", id.parse().unwrap());
        }
        self.client.call(Method::POST, &self.url, headers, Bytes::from(body.to_owned())).await
    }

    /// Signs and posts a body. Answers the status, or `None` without an answer.
    pub async fn post(&self, body: &str) -> Option<u16> {
        self.post_as(body, body).await.ok().map(|answer| answer.status.as_u16())
    }
}
