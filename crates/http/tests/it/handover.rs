//! Leaving a port: no connection is refused or reset on the way, whoever listens there next.

use crate::support::*;
use hyper::StatusCode;
use hyper::service::service_fn;
use relink_http::listener::{BindError, Listener as Port, bind};
use relink_http::server::{Limits, serve};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PEERS: usize = 64;

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Serves `port` with answers of `status`.
fn serving(port: impl Into<Port>, status: StatusCode, stop: &CancellationToken) -> JoinHandle<()> {
    let service = service_fn(move |_| async move { Ok::<_, Infallible>(plain(status)) });
    tokio::spawn(serve(port.into(), service, Limits::default(), stop.clone()))
}

fn stopped() -> CancellationToken {
    let stop = CancellationToken::new();
    stop.cancel();
    stop
}

/// Peers that have connected and asked; nobody has accepted them yet.
async fn waiting(address: SocketAddr) -> Vec<Peer> {
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let mut peer = Peer(TcpStream::connect(address).await.unwrap());
        peer.send(GET).await;
        peers.push(peer);
    }
    peers
}

async fn soon<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("no {what}"))
}

#[tokio::test]
async fn what_waits_in_a_socket_is_answered_before_it_is_closed() {
    let socket = bind(anywhere()).await.unwrap();
    let address = socket.local_addr().unwrap();
    let peers = waiting(address).await;
    let ended = serving(socket, StatusCode::OK, &stopped());
    for mut peer in peers {
        let said = peer.rest().await;
        assert!(said.starts_with("HTTP/1.1 200"), "{said:?}");
    }
    soon("end", ended).await.unwrap();
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn a_listener_that_lingers_accepts_and_says_that_it_is_leaving() {
    let socket = bind(anywhere()).await.unwrap();
    let address = socket.local_addr().unwrap();
    let stop = CancellationToken::new();
    let port = Port::from(socket).lingering(Duration::from_secs(1));
    let ended = serving(port, StatusCode::OK, &stop);
    let mut kept = Peer(TcpStream::connect(address).await.unwrap());
    kept.send(GET).await;
    let said = kept.answer().await;
    assert!(!said.to_ascii_lowercase().contains("connection: close"), "{said}");
    stop.cancel();
    let mut fresh = Peer(TcpStream::connect(address).await.unwrap());
    for peer in [&mut kept, &mut fresh] {
        peer.send(GET).await;
        let said = peer.rest().await;
        assert!(said.starts_with("HTTP/1.1 200"), "{said:?}");
        assert!(said.to_ascii_lowercase().contains("connection: close"), "{said}");
    }
    soon("end", ended).await.unwrap();
}

#[tokio::test]
async fn a_port_goes_from_one_process_to_the_next_without_a_reset() {
    let old = Port::bind_shared(anywhere()).unwrap();
    let address = old.local_addr().unwrap();
    let new = Port::bind_shared(address).unwrap();
    // The kernel spreads them over both; nobody accepts any of them yet.
    let peers = waiting(address).await;
    let (left, stop) = (stopped(), CancellationToken::new());
    let (old, new) =
        (serving(old, StatusCode::OK, &left), serving(new, StatusCode::CREATED, &stop));
    // Turned away or not: each finds somebody.
    let mut late = Vec::new();
    while !old.is_finished() {
        late.push(tokio::spawn(async move {
            let mut peer = Peer(TcpStream::connect(address).await.unwrap());
            peer.send(GET).await;
            peer
        }));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    soon("end of the old one", old).await.unwrap();
    let mut by_old = 0;
    for mut peer in peers {
        let said = peer.answer().await;
        by_old += usize::from(said.starts_with("HTTP/1.1 200"));
        assert!(said.starts_with("HTTP/1.1 20"), "{said:?}");
    }
    assert!(by_old > 0 && by_old < PEERS, "{by_old} of {PEERS} were spread to the old one");
    assert!(late.len() > 10, "{}", late.len());
    for peer in late {
        let said = soon("connection", peer).await.unwrap().answer().await;
        assert!(said.starts_with("HTTP/1.1 20"), "{said:?}");
    }
    stop.cancel();
    soon("end of the new one", new).await.unwrap();
}

#[tokio::test]
async fn a_port_is_shared_only_with_who_asks_for_it() {
    let socket = bind(anywhere()).await.unwrap();
    let address = socket.local_addr().unwrap();
    let error: BindError = Port::bind_shared(address).unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn what_waits_in_an_inherited_socket_waits_for_the_next_process() {
    let supervisor = std::net::TcpListener::bind(anywhere()).unwrap();
    let address = supervisor.local_addr().unwrap();
    let take = || Port::inherited(supervisor.try_clone().unwrap()).unwrap();
    let peers = waiting(address).await;
    let linger = Duration::from_secs(3600);
    let first = serving(take().lingering(linger), StatusCode::OK, &stopped());
    soon("end of the first", first).await.unwrap();
    let stop = CancellationToken::new();
    let second = serving(take(), StatusCode::CREATED, &stop);
    for mut peer in peers {
        let said = peer.answer().await;
        assert!(said.starts_with("HTTP/1.1 201"), "{said:?}");
    }
    stop.cancel();
    soon("end of the second", second).await.unwrap();
}

#[tokio::test]
async fn a_socket_that_does_not_listen_is_refused() {
    let listener = std::net::TcpListener::bind(anywhere()).unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let no_listener = std::net::TcpListener::from(std::os::fd::OwnedFd::from(peer));
    let error = Port::inherited(no_listener).unwrap_err();
    assert!(error.to_string().contains("does not listen"), "{error}");
}
