//! The shape of every pretend HTTP service here.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use relink_http::body;
use relink_http::server::{Limits, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A request, read whole.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    pub(crate) fn query(&self, name: &str) -> Option<String> {
        form(self.query.as_bytes(), name)
    }
}

/// The first value of `name` in a form or query.
pub(crate) fn form(bytes: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(bytes).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Serves `answer` on a free loopback port until `stop`.
pub(crate) async fn spawn<F, Fut>(
    address: SocketAddr,
    stop: CancellationToken,
    answer: F,
) -> std::io::Result<SocketAddr>
where
    F: Fn(Asked) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let answer = Arc::new(answer);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = Arc::clone(&answer);
        async move {
            let (parts, incoming) = request.into_parts();
            let body = body::read(incoming, 1024 * 1024, Duration::from_secs(10)).await;
            let asked = Asked {
                method: parts.method,
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or("").to_owned(),
                headers: parts.headers,
                body: body.unwrap_or_default(),
            };
            Ok(answer(asked).await)
        }
    });
    tokio::spawn(serve(listener, service, Limits::default(), stop));
    Ok(bound)
}
