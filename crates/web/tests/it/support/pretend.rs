//! A pretend Cobalt: gives scripted answers, one per request, and counts what it was asked.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use relink_http::{Request, Response, problem, server};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) struct Pretend {
    pub(crate) url: String,
    script: Arc<Mutex<VecDeque<(u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
    _stop: DropGuard,
}

pub(crate) const LINK_TOKEN: &str = "lt_a&b=c\"<canary>";

impl Pretend {
    /// Makes link tokens; says nothing else until it is told to.
    pub(crate) async fn start() -> Self {
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(VecDeque::new()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, log) = (Arc::clone(&script), Arc::clone(&asked));
        let service = service_fn(move |request: Request<Incoming>| {
            let path = request.uri().path().to_owned();
            log.lock().unwrap().push(path.clone());
            let scripted: Option<(u16, String)> = answers.lock().unwrap().pop_front();
            async move {
                let (status, body) = scripted.unwrap_or_else(|| usual(&path));
                Ok::<Response<Full<Bytes>>, Infallible>(problem::with_type(
                    status.try_into().unwrap(),
                    "application/json",
                    body,
                ))
            }
        });
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(listener, service, server::Limits::default(), stop.clone()));
        Self { url, script, asked, _stop: stop.drop_guard() }
    }

    /// The next answers, before the usual ones.
    pub(crate) fn then(&self, status: u16, body: &str) {
        self.script.lock().unwrap().push_back((status, body.to_owned()));
    }

    pub(crate) fn works(&self) {
        self.then(200, r#"{"success":true,"data":{}}"#);
    }

    pub(crate) fn is_broken(&self) {
        self.then(403, r#"{"success":false,"error":"login_required"}"#);
    }

    /// The paths it was asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn usual(path: &str) -> (u16, String) {
    match path {
        "/v1/link/token/create" => {
            (200, serde_json::json!({ "success": true, "token": LINK_TOKEN }).to_string())
        }
        _ => (500, "nothing was scripted".to_owned()),
    }
}
