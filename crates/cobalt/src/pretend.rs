//! A pretend Cobalt for the tests: gives scripted answers, one per request, and keeps what it
//! was asked.

use crate::client::CobaltClient;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use relink_config::Cobalt;
use relink_core::masked::Secret;
use relink_http::client::{HttpClient, Limits};
use relink_http::{Request, Response, problem, server};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) struct Pretend {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
    _stop: DropGuard,
}

impl Pretend {
    /// Gives the answers, status and body, in turn; a 500 once they are used up.
    pub(crate) async fn start(script: Vec<(u16, String)>) -> Self {
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let service = service_fn(move |request| {
            let (script, log) = (Arc::clone(&script), Arc::clone(&log));
            async move {
                let shown = show(request).await;
                log.lock().unwrap().push(shown);
                let next = script.lock().unwrap().pop_front();
                let (status, body) = next.unwrap_or((500, "the script is over".into()));
                Ok::<Response<Full<Bytes>>, Infallible>(problem::with_type(
                    status.try_into().unwrap(),
                    "application/json",
                    body,
                ))
            }
        });
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(listener, service, server::Limits::default(), stop.clone()));
        Self { url, seen, _stop: stop.drop_guard() }
    }

    /// Every request so far: first line, Cobalt's headers, body.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn show(request: Request<Incoming>) -> String {
    let (head, body) = request.into_parts();
    let mut shown = format!("{} {}", head.method, head.uri);
    for name in ["client_id", "client_secret", "access_token", "content-type"] {
        if let Some(value) = head.headers.get(name) {
            shown.push_str(&format!("\n{name}: {}", value.to_str().unwrap()));
        }
    }
    let body = body.collect().await.unwrap().to_bytes();
    format!("{shown}\n{}", std::str::from_utf8(&body).unwrap())
}

pub(crate) fn config(api_url: &str) -> Cobalt {
    Cobalt {
        api_url: api_url.to_owned(),
        probe_path: "/v1/settings".into(),
        link_script_url: "https://link.usecobalt.com/init.js".into(),
        client_id: Some(Secret::new("ci_live_1")),
        client_secret: Some(Secret::new("cs_live_canary")),
        webhook_secrets: vec![],
        reconcile_every: std::time::Duration::ZERO,
        reconcile_first: std::time::Duration::ZERO,
        probe_patience: std::time::Duration::ZERO,
    }
}

pub(crate) fn client(api_url: &str) -> CobaltClient {
    CobaltClient::new(&config(api_url), HttpClient::new(Limits::default()).unwrap()).unwrap()
}
