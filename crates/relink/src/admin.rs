//! `/livez`, `/readyz`, `/metrics`: for scrapers and supervisors, on a listener of its own.

use crate::health::Health;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use relink_http::listener::Listener;
use relink_http::problem::with_type;
use relink_http::server::{Limits, serve};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The content type of the OpenMetrics text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until `stop`.
pub(crate) async fn run(
    listener: Listener,
    registry: Arc<Registry>,
    health: Health,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&request, &registry, &health);
        async move { Ok(response) }
    });
    let limits = Limits { max_connections: 64, ..Limits::default() };
    serve(listener, service, limits, stop).await;
}

fn answer(
    request: &Request<Incoming>,
    registry: &Registry,
    health: &Health,
) -> Response<Full<Bytes>> {
    let text = |status, body: String| with_type(status, "text/plain; charset=utf-8", body);
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
    }
    match request.uri().path() {
        "/livez" => text(StatusCode::OK, "alive\n".into()),
        "/readyz" => match health.report() {
            (true, lines) => text(StatusCode::OK, format!("ready\n{lines}")),
            (false, lines) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{lines}")),
        },
        "/metrics" => {
            let mut body = String::new();
            match encode(&mut body, registry) {
                Ok(()) => with_type(StatusCode::OK, OPEN_METRICS, body),
                Err(error) => {
                    tracing::error!(%error, "metrics cannot be written");
                    text(StatusCode::INTERNAL_SERVER_ERROR, "cannot write metrics\n".into())
                }
            }
        }
        _ => text(StatusCode::NOT_FOUND, "/livez, /readyz and /metrics are here\n".into()),
    }
}
