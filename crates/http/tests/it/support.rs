//! A listener with a service that the scenario writes, a peer that sends bytes no library would,
//! and a server that answers calls with bytes of the scenario's choosing.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use relink_http::client::{HttpClient, Limits as CallLimits};
use relink_http::server::{Limits, bind, serve};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The bound of every wait for something that must happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n";

/// A running listener; the paths it was asked for are kept.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<()>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    pub(crate) async fn start<F, Fut>(limits: Limits, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, asked) = (CancellationToken::new(), Arc::<Mutex<Vec<String>>>::default());
        let paths = Arc::clone(&asked);
        let service = service_fn(move |request: Request<Incoming>| {
            paths.lock().unwrap().push(request.uri().path().to_owned());
            let answering = answer(request);
            async move { Ok::<_, Infallible>(answering.await) }
        });
        let running = tokio::spawn(serve(listener, service, limits, stop.clone()));
        Self { address, stop, running, asked }
    }

    /// One that answers everything with `status`.
    pub(crate) async fn answering(limits: Limits, status: StatusCode) -> Self {
        Self::start(limits, move |_| async move { plain(status) }).await
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) async fn open(&self) -> Peer {
        Peer(timeout(SOON, TcpStream::connect(self.address)).await.unwrap().unwrap())
    }

    /// Fails when `serve` has not returned soon.
    pub(crate) async fn ended(self) {
        timeout(SOON, self.running).await.expect("an end of the listener").unwrap();
    }
}

pub(crate) fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"answer")));
    *response.status_mut() = status;
    response
}

/// The other end of a connection.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next answer whose body is of known length.
    pub(crate) async fn answer(&mut self) -> String {
        timeout(SOON, self.read_answer()).await.expect("an answer")
    }

    async fn read_answer(&mut self) -> String {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length =
                    head.to_ascii_lowercase().split("content-length: ").nth(1).map_or(0, |rest| {
                        rest.lines().next().unwrap().trim().parse::<usize>().unwrap()
                    });
                if body.len() >= length {
                    return text;
                }
            }
            assert!(self.0.read_buf(&mut bytes).await.unwrap() > 0, "closed after {text:?}");
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset is an end like any other here.
        let _ = timeout(SOON, self.0.read_to_end(&mut bytes)).await.expect("an end");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A server for one scenario of the client: it hands over each connection as it comes.
pub(crate) async fn scripted<F, Fut>(script: F) -> SocketAddr
where
    F: Fn(Peer) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(script(Peer(stream)));
        }
    });
    address
}

/// Reads one request and answers it with `answer`; the connection stays open until it is
/// dropped.
pub(crate) async fn reply(peer: &mut Peer, answer: &[u8]) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if peer.0.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let _ = peer.0.write_all(answer).await;
}

pub(crate) fn client(connect: Duration, total: Duration) -> HttpClient {
    HttpClient::new(CallLimits { connect, total, max_answer: 1000 }).unwrap()
}
