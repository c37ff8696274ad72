//! A client that writes bytes: it must be able to say what no HTTP library would.

use aws_lc_rs::hmac;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) async fn open(addr: SocketAddr) -> TcpStream {
    timeout(Duration::from_secs(10), TcpStream::connect(addr)).await.unwrap().unwrap()
}

/// The bytes of a POST with a body of known length.
pub(crate) fn request(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("POST {path} HTTP/1.1\r\nhost: receiver\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [text.as_bytes(), body].concat()
}

/// A webhook as Cobalt sends it.
pub(crate) fn signed(secret: &str, body: &[u8]) -> Vec<u8> {
    let signature = sign(secret, body);
    let headers = [("content-type", "application/json"), ("cobalt-verification", &signature)];
    request("/webhooks/cobalt", &headers, body)
}

pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, body).as_ref())
}

/// Sends one request on a connection of its own.
pub(crate) async fn exchange(addr: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = open(addr).await;
    stream.write_all(bytes).await.unwrap();
    read_reply(&mut stream).await.expect("an answer")
}

/// POSTs `body` with `headers`.
pub(crate) async fn post(
    addr: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    exchange(addr, &request(path, headers, body)).await
}

/// The next answer; `None` when the connection ends without one.
pub(crate) async fn read_reply(stream: &mut TcpStream) -> Option<Reply> {
    timeout(Duration::from_secs(10), read_one(stream)).await.expect("an answer or an end")
}

async fn read_one(stream: &mut TcpStream) -> Option<Reply> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        read_some(stream, &mut bytes).await?;
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut reply = Reply { status, head, body: String::new() };
    let length: usize = reply.header("content-length").unwrap_or("0").parse().unwrap();
    while bytes.len() < head_end + 4 + length {
        read_some(stream, &mut bytes).await?;
    }
    reply.body = String::from_utf8(bytes[head_end + 4..].to_vec()).unwrap();
    Some(reply)
}

async fn read_some(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(bytes).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
