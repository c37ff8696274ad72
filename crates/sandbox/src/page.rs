//! The demo's page: break a login, watch the message arrive, follow its link, see the case with
//! everything on it, and see it close. Reads Relink through its public API only, as any app would.
//! Loads nothing from elsewhere.

use crate::answer::{Asked, spawn};
use crate::cobalt::PretendCobalt;
use crate::inbox::Inbox;
use crate::link::LinkBehaviour;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use relink_core::masked::Secret;
use relink_http::client::{HttpClient, Limits};
use relink_http::problem::{json, with_type};
use serde_json::{Value, json as value};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The page may load and ask what it comes with, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the page needs to reach.
#[derive(Debug, Clone)]
pub struct DemoPage {
    /// Whose login is broken and fixed.
    pub cobalt: PretendCobalt,
    /// What has arrived.
    pub inbox: Inbox,
    /// The web role, such as `http://127.0.0.1:8081`.
    pub api_url: String,
    /// A key with role `ops`.
    pub key: Secret,
    /// The account of the demo.
    pub account_ref: String,
}

impl DemoPage {
    /// Listens on `address` (port 0 for a free one) until `stop`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(
        self,
        address: SocketAddr,
        stop: CancellationToken,
    ) -> std::io::Result<SocketAddr> {
        let limits = Limits { total: Duration::from_secs(5), ..Limits::default() };
        let client = HttpClient::new(limits).map_err(std::io::Error::other)?;
        spawn(address, stop, move |asked| {
            let (page, client) = (self.clone(), client.clone());
            async move { page.answer(&asked, &client).await }
        })
        .await
    }

    async fn answer(&self, asked: &Asked, client: &HttpClient) -> Response<Full<Bytes>> {
        match (&asked.method, asked.path.as_str()) {
            (&Method::GET, "/") => page(),
            (&Method::GET, "/page.css") => {
                with_type(StatusCode::OK, "text/css; charset=utf-8", include_str!("page.css"))
            }
            (&Method::GET, "/page.js") => {
                with_type(StatusCode::OK, "text/javascript; charset=utf-8", include_str!("page.js"))
            }
            (&Method::GET, "/state") => json(StatusCode::OK, &self.state(client).await),
            (&Method::POST, "/break") => {
                let asks = match asked.query("asks").as_deref() {
                    Some("full") => LinkBehaviour::FullLogin,
                    Some(_) | None => LinkBehaviour::OtpOnly,
                };
                self.cobalt.link_behaves_for(&self.account_ref, asks);
                let posted = self.cobalt.break_login(&self.account_ref).await;
                json(StatusCode::OK, &value!({ "status": posted.status }))
            }
            (&Method::POST, "/repair") => {
                self.cobalt.repair_login(&self.account_ref);
                json(StatusCode::OK, &value!({}))
            }
            (&Method::POST, "/fix") => {
                self.cobalt.repair_login(&self.account_ref);
                let path = format!("/v1/accounts/{}/relinked", self.account_ref);
                let answer = self.ask(client, Method::POST, &path).await;
                json(StatusCode::OK, &answer)
            }
            _ => json(StatusCode::NOT_FOUND, &value!({ "title": "No such route" })),
        }
    }

    /// Everything the page shows.
    async fn state(&self, client: &HttpClient) -> Value {
        let list = format!("/v1/cases?account_ref={}&limit=10", self.account_ref);
        let listed = self.ask(client, Method::GET, &list).await;
        let mut cases = Vec::new();
        for case in listed.get("cases").and_then(Value::as_array).into_iter().flatten() {
            if let Some(id) = case.get("id").and_then(Value::as_str) {
                cases.push(self.ask(client, Method::GET, &format!("/v1/cases/{id}")).await);
            }
        }
        value!({
            "account_ref": self.account_ref,
            "cobalt": {
                "works": self.cobalt.works(&self.account_ref),
                "minted": self.cobalt.minted(&self.account_ref),
            },
            "messages": self.inbox.all(),
            "cases": cases,
        })
    }

    async fn ask(&self, client: &HttpClient, method: Method, path: &str) -> Value {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::try_from(format!("Bearer {}", self.key.expose())) {
            headers.insert(AUTHORIZATION, value);
        }
        let url = format!("{}{path}", self.api_url);
        match client.call(method, &url, headers, Bytes::new()).await {
            Ok(answer) => serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
            Err(error) => value!({ "error": error.to_string() }),
        }
    }
}

fn page() -> Response<Full<Bytes>> {
    let mut page = with_type(StatusCode::OK, "text/html; charset=utf-8", include_str!("page.html"));
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    page
}
