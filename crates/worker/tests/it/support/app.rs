//! A customer's app: an HTTP endpoint that verifies every event with the reference library of
//! Standard Webhooks, keeps it, and answers as it is told to.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Of 24 bytes.
pub const APP_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// An answer.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// This status.
    Status(u16),
    /// This status and a `Retry-After` in seconds.
    Later(u16, u64),
    /// A redirect to itself.
    Elsewhere,
    /// Takes it and says nothing.
    Hang,
}

/// An event that was posted and whose signature holds.
#[derive(Debug, Clone)]
pub struct Heard {
    /// `webhook-id`.
    pub id: String,
    /// Its `type`.
    pub kind: String,
    /// The whole body.
    pub body: String,
}

/// The running endpoint. Answers 200 unless told otherwise; ends with its runtime.
#[derive(Debug, Clone)]
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    script: Arc<Mutex<VecDeque<Reply>>>,
}

impl App {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Self { address, heard: Arc::default(), script: Arc::default() };
        let serving = app.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        app
    }

    /// Where events are posted.
    pub fn url(&self) -> String {
        format!("http://{}/relink/events", self.address)
    }

    /// Answers the next calls like this.
    pub fn say(&self, replies: &[Reply]) {
        self.script.lock().unwrap().extend(replies);
    }

    /// Everything heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(heard) = read(&mut stream).await else { return };
        self.heard.lock().unwrap().push(heard);
        let reply = self.script.lock().unwrap().pop_front().unwrap_or(Reply::Status(200));
        let (status, more) = match reply {
            Reply::Status(status) => (status, String::new()),
            Reply::Later(status, seconds) => (status, format!("Retry-After: {seconds}\r\n")),
            Reply::Elsewhere => (307, format!("Location: {}\r\n", self.url())),
            Reply::Hang => {
                // Until the other end gives up.
                let _ = stream.read(&mut [0]).await;
                return;
            }
        };
        // A body that nobody reads.
        let body = "x".repeat(100_000);
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} As Told\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

/// Reads one request and verifies it.
async fn read(stream: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    let head_end = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    assert!(head.starts_with("POST /relink/events HTTP/1.1\r\n"), "{head}");
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let length: usize = text("content-length").parse().unwrap();
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&part[..read]);
    }
    standardwebhooks::Webhook::new(APP_SECRET).unwrap().verify(&body, &headers).unwrap();
    assert_eq!(text("content-type"), "application/json");
    let body = String::from_utf8(body).unwrap();
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    Some(Heard { id: text("webhook-id"), kind: json["type"].as_str().unwrap().to_owned(), body })
}
