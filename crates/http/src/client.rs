//! Calls to other people's APIs. One deadline over the whole call, answers bounded in size,
//! no redirects, no retries: whether a call may be repeated is for the caller to decide, and
//! [`CallError`] tells it what it needs to know.

use crate::body;
use crate::connect::Within;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// Deadlines and caps of a client.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection that can be written to: name, TCP and TLS.
    pub connect: Duration,
    /// For the whole call, connection and answer included.
    pub total: Duration,
    /// The longest answer, in bytes.
    pub max_answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
            max_answer: 1024 * 1024,
        }
    }
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

impl Answer {
    /// `Retry-After` in seconds (RFC 9110, 10.2.3), when given as a number.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get(hyper::header::RETRY_AFTER)?.to_str().ok()?;
        value.trim().parse().ok().map(Duration::from_secs)
    }
}

/// Why there is no answer, and what is known about the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No byte of the request left: no connection, no TLS, or a bad address.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It may have arrived: the deadline passed or the connection broke after it was written.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// An answer came but is too long or broke off: the request did arrive.
    #[error("the answer could not be read: {0}")]
    BadAnswer(String),
}

/// A client with a pool of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient {
    inner: Client<Within<HttpsConnector<HttpConnector>>, Full<Bytes>>,
    limits: Limits,
}

/// The TLS roots of this machine could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS: {0}")]
pub struct TlsSetupError(String);

impl HttpClient {
    /// A client that trusts this machine's certificates.
    ///
    /// # Errors
    /// [`TlsSetupError`] when the TLS provider refuses its own defaults.
    pub fn new(limits: Limits) -> Result<Self, TlsSetupError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let inner = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            // A request pulled back unsent is reported as not sent; nobody repeats it unasked.
            .retry_canceled_requests(false)
            .build(Within::new(connector, limits.connect));
        Ok(Self { inner, limits })
    }

    /// Makes one call.
    ///
    /// # Errors
    /// See [`CallError`]; any HTTP status is an answer, not an error.
    pub async fn call(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let uri = absolute(url)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        tokio::time::timeout(self.limits.total, self.exchange(request))
            .await
            .map_err(|_| CallError::NoAnswer(format!("nothing within {:?}", self.limits.total)))?
    }

    /// Makes one call of which only the status and the headers count: the answer's body is not
    /// read, however long it is.
    ///
    /// # Errors
    /// As [`Self::call`], never [`CallError::BadAnswer`].
    pub async fn call_unread(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = absolute(url)?;
        *request.headers_mut() = headers;
        let response = tokio::time::timeout(self.limits.total, self.inner.request(request))
            .await
            .map_err(|_| CallError::NoAnswer(format!("nothing within {:?}", self.limits.total)))?
            .map_err(|error| describe(&error))?;
        let (parts, _unread) = response.into_parts();
        Ok(Answer { status: parts.status, headers: parts.headers, body: Bytes::new() })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, CallError> {
        let response = self.inner.request(request).await.map_err(|error| describe(&error))?;
        let (parts, incoming) = response.into_parts();
        // The outer deadline covers the body as well.
        let body = body::read(incoming, self.limits.max_answer, self.limits.total)
            .await
            .map_err(|error| CallError::BadAnswer(error.to_string()))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

fn absolute(url: &str) -> Result<Uri, CallError> {
    let uri: Option<Uri> = url.parse().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| CallError::NotSent("the address is not an http or https URL".into()))
}

/// Tells by type, never by text, whether the request can have left.
fn describe(error: &hyper_util::client::legacy::Error) -> CallError {
    let text = chain(error);
    let unsent = error.is_connect()
        || std::error::Error::source(error)
            .and_then(|source| source.downcast_ref::<hyper::Error>())
            // Said only of a request that is handed back whole.
            .is_some_and(hyper::Error::is_canceled);
    if unsent { CallError::NotSent(text) } else { CallError::NoAnswer(text) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn tls_config() -> Result<ClientConfig, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    // Unreadable entries are skipped; an empty store makes every https call fail as not sent,
    // which is reported where it happens. Plain http to a local relay needs none.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsSetupError(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
