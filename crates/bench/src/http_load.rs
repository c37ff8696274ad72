//! The client of both sides of the receiver's contest: a number of connections kept open, each
//! sending its next request as soon as the last is answered. Everything that costs anything is
//! prepared before the clock starts.

use crate::measure::{Meter, Turn};
use anyhow::{Context as _, ensure};
use aws_lc_rs::hmac;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use relink_cobalt::event::EVENT_ID_HEADER;
use relink_cobalt::verify::SIGNATURE_HEADER;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A signed webhook, ready to be sent.
pub(crate) struct Post {
    body: Bytes,
    event_id: HeaderValue,
    signature: HeaderValue,
}

/// Signed webhooks about events numbered from `first`, in Cobalt's documented form.
pub(crate) fn signed_posts(secret: &str, first: u64, count: u64) -> anyhow::Result<Vec<Post>> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    (first..first + count)
        .map(|number| {
            let id = format!("550e8400-e29b-41d4-a716-{number:012x}");
            let account = format!("clinic_{number}");
            let body = format!(
                r#"{{"id":"{id}","access_token_reference_id":"{account}","object":"event","created":"2025-10-21T14:30:00.000Z","type":"access_token.login_required","data":{{"access_token_reference_id":"{account}","emr_instance_domain":"https://your-emr-instance.com","message":"Account link expired.","error_type":"password_expired"}}}}"#
            );
            let signature = hex::encode(hmac::sign(&key, body.as_bytes()));
            Ok(Post {
                body: Bytes::from(body),
                event_id: HeaderValue::from_str(&id)?,
                signature: HeaderValue::from_str(&signature)?,
            })
        })
        .collect()
}

/// Sends every post once over `connections` connections and answers how that went.
///
/// # Errors
/// A connection broke, or an answer was not 202.
pub(crate) async fn send_all(
    address: SocketAddr,
    posts: Vec<Post>,
    connections: usize,
) -> anyhow::Result<Turn> {
    let total = posts.len() as u64;
    let (posts, next) = (Arc::new(posts), Arc::new(AtomicUsize::new(0)));
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(connect(address).await?);
    }
    let meter = Meter::start();
    let mut clients = JoinSet::new();
    for connection in open {
        clients.spawn(work(connection, Arc::clone(&posts), Arc::clone(&next)));
    }
    while let Some(client) = clients.join_next().await {
        client.context("a client ended in a panic")??;
    }
    Ok(meter.stop(total))
}

async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("no connection to the server")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn work(
    mut connection: SendRequest<Full<Bytes>>,
    posts: Arc<Vec<Post>>,
    next: Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    while let Some(post) = posts.get(next.fetch_add(1, Ordering::Relaxed)) {
        connection.ready().await.context("the server closed a connection between requests")?;
        let answer = connection.send_request(request(post)?).await.context("no answer")?;
        let status = answer.status();
        answer.into_body().collect().await.context("the answer broke off")?;
        ensure!(status == StatusCode::ACCEPTED, "answered {status} in place of 202");
    }
    Ok(())
}

fn request(post: &Post) -> anyhow::Result<Request<Full<Bytes>>> {
    let request = Request::post("/webhooks/cobalt")
        .header(HOST, HeaderValue::from_static("relink.example.org"))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(HeaderName::from_static(EVENT_ID_HEADER), &post.event_id)
        .header(HeaderName::from_static(SIGNATURE_HEADER), &post.signature)
        .body(Full::new(post.body.clone()))?;
    Ok(request)
}
