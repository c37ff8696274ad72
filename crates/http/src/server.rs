//! The accept loop: HTTP/1.1 only, connections counted, headers bounded in size and time, one
//! way to stop. hyper's own limits are inert without a timer, and it has no limit on open
//! connections: both are set here, once, for every listener of the program.

use crate::listener::Listener;
use crate::stream::Bounded;
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::listener::{BindError, bind};

/// How long connections that are open are served as usual once the listener is left: a request may
/// be on its way on any of them.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// What a listener may be made to hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; more wait in the kernel's backlog.
    pub max_connections: usize,
    /// For a whole request head to arrive; also how long an idle connection is kept.
    pub header_timeout: Duration,
    /// The largest request head, in bytes; at least 8192.
    pub max_head: usize,
    /// How long an answer may wait for a peer that reads none of it.
    pub write_timeout: Duration,
    /// How long requests in hand may take once the listener stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            header_timeout: Duration::from_secs(5),
            max_head: 16 * 1024,
            write_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(5),
        }
    }
}

/// Who is at the other end of a request's connection: an extension of every request served here.
/// Behind a proxy that is the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Serves `service` on `listener` until `stop`, leaves the listener in its way, finishes what is in
/// hand within [`Limits::drain`], cuts off what is left and returns.
///
/// Every answer to a request that carried `Transfer-Encoding`, and every 4xx, closes its
/// connection: hyper drops a `Content-Length` beside a `Transfer-Encoding` without telling, so a
/// second request on such a connection could be a smuggled one. So does every answer after `stop`,
/// so that peers which keep connections learn of it before they are closed.
pub async fn serve<S, B>(
    listener: impl Into<Listener>,
    service: S,
    limits: Limits,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = listener.into();
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let connections = Connections::new(service, limits, stop.clone());
    let _cut_when_done = connections.cut.clone().drop_guard();
    {
        let mut leaving = std::pin::pin!(listener.leave(&stop));
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut leaving => break,
                accepted = accept(listener.socket(), &slots) => accepted,
            };
            let Some((stream, peer, slot)) = accepted else { break };
            connections.start(stream, peer, slot);
        }
    }
    let mut backlog = listener.backlog();
    while let Ok(slot) = Arc::clone(&slots).try_acquire_owned()
        && let Some((stream, peer)) = backlog.next()
    {
        connections.start(stream, peer, slot);
    }
    drop(backlog);
    connections.finish().await;
}

/// The next connection together with its slot; `None` only when the slots are closed.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, Peer(peer), slot)),
            Err(error) => {
                // Out of descriptors, or a connection that died in the backlog: the loop must
                // neither end nor spin.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The open connections of one listener.
struct Connections<S> {
    service: S,
    limits: Limits,
    stop: CancellationToken,
    http: http1::Builder,
    graceful: GracefulShutdown,
    cut: CancellationToken,
    /// One for each. hyper's graceful end closes those that are idle, although a request may lie in
    /// the socket already.
    open: TaskTracker,
}

impl<S, B> Connections<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn new(service: S, limits: Limits, stop: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(limits.max_head.max(8192));
        let (graceful, cut) = (GracefulShutdown::new(), CancellationToken::new());
        Self { service, limits, stop, http, graceful, cut, open: TaskTracker::new() }
    }

    fn start(&self, stream: TcpStream, peer: Peer, slot: OwnedSemaphorePermit) {
        // Answers are small and must leave at once.
        let _ = stream.set_nodelay(true);
        let stream = TokioIo::new(Bounded::new(stream, self.limits.write_timeout));
        let service = Closing { service: self.service.clone(), peer, stop: self.stop.clone() };
        let connection = self.http.serve_connection(stream, service);
        let connection =
            self.cut.clone().run_until_cancelled_owned(self.graceful.watch(connection));
        self.open.spawn(async move {
            let _slot = slot;
            if let Some(Err(error)) = connection.await {
                // The peer's affair: it left, was too slow, or does not speak HTTP/1.1.
                tracing::debug!(%error, "connection ended");
            }
        });
    }

    /// Waits for requests that are on their way, then for all that are in hand.
    async fn finish(self) {
        self.open.close();
        let patience = LAST_REQUEST.min(self.limits.header_timeout);
        // Each answer closes its connection from now on. Who only holds one open has nothing to
        // lose.
        let _ = tokio::time::timeout(patience, self.open.wait()).await;
        if tokio::time::timeout(self.limits.drain, self.graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still in hand when the drain deadline passed");
        }
    }
}

struct Closing<S> {
    service: S,
    peer: Peer,
    stop: CancellationToken,
}

impl<S, B> Service<Request<Incoming>> for Closing<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let chunked = request.headers().contains_key(TRANSFER_ENCODING);
        request.extensions_mut().insert(self.peer);
        let stop = self.stop.clone();
        let answer = self.service.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if chunked || response.status().is_client_error() || stop.is_cancelled() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}
