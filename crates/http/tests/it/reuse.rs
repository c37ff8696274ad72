//! Connections kept for the next call, and the moment when the other end closes them.

use crate::support::*;
use bytes::Bytes;
use hyper::{HeaderMap, Method};
use relink_http::client::{CallError, HttpClient};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn call(client: &HttpClient, url: &str) -> Result<(), CallError> {
    client.call(Method::GET, url, HeaderMap::new(), Bytes::new()).await.map(drop)
}

#[tokio::test]
async fn a_kept_connection_is_used_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    let server = scripted(move |mut peer| {
        seen.fetch_add(1, Ordering::SeqCst);
        async move {
            for _ in 0..5 {
                reply(&mut peer, OK).await;
            }
        }
    })
    .await;
    let client = client(SOON, SOON);
    for _ in 0..5 {
        call(&client, &format!("http://{server}/")).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_before_anything_is_written() {
    let closed = Arc::new(Notify::new());
    let tell = Arc::clone(&closed);
    let server = scripted(move |mut peer| {
        let tell = Arc::clone(&tell);
        async move {
            reply(&mut peer, OK).await;
            drop(peer);
            tell.notify_one();
        }
    })
    .await;
    let client = client(SOON, SOON);
    for _ in 0..10 {
        call(&client, &format!("http://{server}/")).await.unwrap();
        tokio::time::timeout(SOON, closed.notified()).await.unwrap();
        // The end has reached this side; let the pool take note of it, which needs a look at
        // the sockets: the runtime takes one every 61 turns.
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_sent_is_never_said_of_a_request_that_arrived() {
    let arrived = Arc::new(Mutex::new(HashSet::new()));
    let seen = Arc::clone(&arrived);
    // Answers once, says goodbye, and goes on reading: whatever comes too late is noticed.
    let server = scripted(move |mut peer| {
        let seen = Arc::clone(&seen);
        async move {
            let mut bytes = Vec::new();
            while peer.0.read_buf(&mut bytes).await.unwrap_or(0) > 0 {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let paths = text.split("GET /").skip(1).filter_map(|rest| rest.split(' ').next());
                seen.lock().unwrap().extend(paths.map(str::to_owned));
                if text.matches("\r\n\r\n").count() == 1 {
                    let _ = peer.0.write_all(OK).await;
                    let _ = peer.0.shutdown().await;
                }
            }
        }
    })
    .await;
    let client = client(SOON, SOON);
    let mut unsent = Vec::new();
    for n in 0..300 {
        match call(&client, &format!("http://{server}/{n}")).await {
            Ok(()) => assert!(arrived.lock().unwrap().contains(&n.to_string())),
            Err(CallError::NotSent(_)) => unsent.push(n.to_string()),
            // Written into a connection that was being closed: in doubt, as it should be.
            Err(CallError::NoAnswer(_)) => {}
            Err(CallError::BadAnswer(text)) => panic!("{text}"),
        }
    }
    drop(client);
    let arrived = arrived.lock().unwrap();
    assert!(unsent.iter().all(|path| !arrived.contains(path)), "{unsent:?}");
    // The scenario is about a race: most calls must have gone through for it to mean anything.
    assert!(arrived.len() > 100, "{}", arrived.len());
}

#[tokio::test]
async fn nothing_is_sent_a_second_time_unasked() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    // The second request on a kept connection is read and then cut off.
    let server = scripted(move |mut peer| {
        let seen = Arc::clone(&seen);
        async move {
            reply(&mut peer, OK).await;
            seen.fetch_add(1, Ordering::SeqCst);
            let mut next = Vec::new();
            if peer.0.read_buf(&mut next).await.unwrap_or(0) > 0 {
                seen.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let client = client(SOON, SOON);
    let url = format!("http://{server}/");
    call(&client, &url).await.unwrap();
    assert!(matches!(call(&client, &url).await, Err(CallError::NoAnswer(_))));
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}
