//! A mail client that says what it is told, a listener that notes what it is asked, and what is
//! read from pages.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use relink_http::client::{Answer, HttpClient, Limits as CallLimits};
use relink_http::server::{Limits, serve};
use relink_sandbox::PretendCobalt;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The bound of every wait for something that must happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A free port of this host.
pub(crate) const ANY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(crate) async fn soon<T>(done: impl Future<Output = T>) -> T {
    timeout(SOON, done).await.expect("in time")
}

/// A connection to the mail catcher.
pub(crate) struct Smtp(BufReader<TcpStream>);

impl Smtp {
    /// Connects and says hello.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        let mut smtp = Self(BufReader::new(stream));
        assert!(smtp.reply().await.starts_with("220 "));
        assert!(smtp.say("EHLO test").await.starts_with("250"));
        smtp
    }

    /// Says a line and hears the reply; empty when the connection ends.
    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.write(&format!("{line}\r\n")).await;
        self.reply().await
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// The next reply, all its lines.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let read = soon(self.0.read_line(&mut reply)).await.unwrap_or(0);
            if read == 0 || reply.as_bytes().get(start + 3) != Some(&b'-') {
                return reply.trim_end().to_owned();
            }
        }
    }

    /// Says the start of a transaction to `to`, up to and including `DATA`.
    pub(crate) async fn begin(&mut self, to: &str) {
        assert!(self.say("MAIL FROM:<a@example.org>").await.starts_with("250 "));
        assert!(self.say(&format!("RCPT TO:<{to}>")).await.starts_with("250 "));
        assert!(self.say("DATA").await.starts_with("354 "));
    }

    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        soon(self.0.read_to_end(&mut rest)).await.is_ok() && rest.is_empty()
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// A listener that answers as it is told; then with 200 and `{}`.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    _stop: DropGuard,
}

/// An answer: status and body; `None` hangs up instead.
pub(crate) type Told = Option<(u16, &'static str)>;

impl Listener {
    pub(crate) async fn start(told: &[Told]) -> Self {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Mutex::new(told.iter().copied().collect::<VecDeque<Told>>()));
        let got = Arc::<Mutex<Vec<Got>>>::default();
        let noted = Arc::clone(&got);
        let service = service_fn(move |request: Request<Incoming>| {
            let (told, noted) = (Arc::clone(&told), Arc::clone(&noted));
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let path = parts.uri.to_string();
                let got = Got { method: parts.method, path, headers: parts.headers, body };
                noted.lock().unwrap().push(got);
                let next = told.lock().unwrap().pop_front().unwrap_or(Some((200, "{}")));
                let (status, body) = next.expect("hangs up, on purpose");
                let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
                *response.status_mut() = status.try_into().unwrap();
                Ok(response)
            }
        });
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, service, Limits::default(), stop.clone()));
        Self { address, got, _stop: stop.drop_guard() }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

/// Calls a pretend service.
pub(crate) async fn call(
    method: Method,
    url: &str,
    headers: &[(&'static str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let client = HttpClient::new(CallLimits::default()).unwrap();
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    client.call(method, url, headers.collect(), body.into()).await.unwrap()
}

pub(crate) fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// The value that stands behind `before` and ends with a quote or a tag.
pub(crate) fn between(html: &str, before: &str) -> String {
    let (_, rest) = html.split_once(before).unwrap_or_else(|| panic!("no {before} in {html}"));
    rest.split(['"', '<']).next().unwrap().to_owned()
}

/// Makes a link token in update mode, as a client does.
pub(crate) async fn mint(cobalt: &PretendCobalt, access_token: &str) -> String {
    let headers = [("client_id", "c"), ("client_secret", "s")];
    let url = format!("{}/v1/link/token/create", cobalt.url());
    let body = serde_json::json!({"user_id": "u", "org_id": "o", "access_token": access_token});
    let made = call(Method::POST, &url, &headers, body.to_string()).await;
    json(&made)["token"].as_str().unwrap().to_owned()
}
