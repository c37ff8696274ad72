//! A pretend Twilio for the tests: does one scripted thing per connection and keeps every
//! request as it came over the wire.

use crate::sender::SmsSender;
use relink_config::{Sms, SmsFrom};
use relink_core::masked::Secret;
use relink_core::policy::OnUnknown;
use relink_http::client::{HttpClient, Limits};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const PUBLIC_URL: &str = "https://relink.example.org";
pub(crate) const SID: &str = "SM0123456789abcdef0123456789abcdef";

/// What to do with one request.
pub(crate) enum Act {
    /// Status, more headers (each ending in CRLF), body.
    Answer(u16, &'static str, String),
    /// Promise more bytes than come.
    BreakOff,
    /// Say nothing for ever.
    Hang,
    /// Read the request, then RST.
    Reset,
}

pub(crate) struct Twilio {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Twilio {
    pub(crate) async fn start(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            for act in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                log.lock().unwrap().push(request);
                perform(act, stream).await;
            }
        });
        Self { url, seen }
    }

    /// Every request so far, the port taken out.
    pub(crate) fn seen(&self) -> Vec<String> {
        let host = self.url.trim_start_matches("http://");
        self.seen.lock().unwrap().iter().map(|text| text.replace(host, "HOST")).collect()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the request broke off: {text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
    }
}

async fn perform(act: Act, mut stream: TcpStream) {
    match act {
        Act::Answer(status, headers, body) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(text.as_bytes()).await.unwrap();
        }
        Act::BreakOff => {
            stream
                .write_all(b"HTTP/1.1 201 X\r\ncontent-length: 500\r\n\r\n{\"sid\":")
                .await
                .unwrap();
        }
        Act::Hang => {
            tokio::spawn(async move {
                // Held open until the caller leaves.
                let _ = stream.read(&mut [0; 1]).await;
            });
        }
        Act::Reset => stream.set_zero_linger().unwrap(),
    }
}

pub(crate) fn config(api_url: &str, from: SmsFrom) -> Sms {
    Sms {
        enabled: true,
        api_url: api_url.to_owned(),
        account_sid: "AC1".into(),
        api_user: "AC1".into(),
        auth_token: Secret::new("token"),
        from,
        on_unknown: OnUnknown::LookUp,
        concurrency: 1,
    }
}

/// A sender of "Acme Health" with a deadline of `total`.
pub(crate) fn sender_within(api_url: &str, total: Duration) -> SmsSender {
    let http = HttpClient::new(Limits { total, ..Limits::default() }).unwrap();
    let from = SmsFrom::Number("+15557122661".into());
    SmsSender::new(&config(api_url, from), "Acme Health", PUBLIC_URL, http).unwrap()
}

pub(crate) fn sender(api_url: &str) -> SmsSender {
    sender_within(api_url, Duration::from_secs(30))
}
