//! A TCP proxy that misbehaves on command: what stands between two processes when their network
//! is ill. Every kind of illness is set for one direction, at run time, for the connections that
//! are open and for those to come. Trusted only because of its own tests.

mod connection;
#[cfg(test)]
mod tests;
mod toxic;

pub use toxic::{Toxic, Toxics};

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What every connection watches.
#[derive(Debug, Clone)]
struct Weather {
    upstream: SocketAddr,
    toxics: Toxics,
    /// Open connections die with the epoch they were opened in.
    epoch: CancellationToken,
    cut: bool,
}

/// A running proxy; ends, with its connections, when dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    accepted: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and forwards to `upstream`.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let weather =
            Weather { upstream, toxics: Toxics::default(), epoch: stop.child_token(), cut: false };
        let (weather, accepted) = (Arc::new(watch::Sender::new(weather)), Arc::default());
        tokio::spawn(accept(listener, Arc::clone(&weather), Arc::clone(&accepted), stop.clone()));
        Self { address, weather, accepted, _stop: stop.drop_guard() }
    }

    /// Changes the illness of every connection, open and to come.
    pub fn set(&self, toxics: Toxics) {
        self.weather.send_modify(|weather| weather.toxics = toxics);
    }

    /// Good health again, and open to all.
    pub fn heal(&self) {
        self.weather.send_modify(|weather| {
            weather.toxics = Toxics::default();
            weather.cut = false;
        });
    }

    /// Resets every open connection. New ones are let in.
    pub fn reset_all(&self) {
        self.weather.send_modify(|weather| {
            weather.epoch.cancel();
            weather.epoch = CancellationToken::new();
        });
    }

    /// Resets every open connection, and every new one, until [`Self::heal`].
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cut = true);
        self.reset_all();
    }

    /// Forwards new connections elsewhere, and resets the open ones.
    pub fn redirect(&self, upstream: SocketAddr) {
        self.weather.send_modify(|weather| weather.upstream = upstream);
        self.reset_all();
    }

    /// How many connections came in so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn accept(
    listener: TcpListener,
    weather: Arc<watch::Sender<Weather>>,
    accepted: Arc<AtomicUsize>,
    stop: CancellationToken,
) {
    loop {
        let client = tokio::select! {
            () = stop.cancelled() => return,
            client = listener.accept() => client,
        };
        let Ok((client, _)) = client else { continue };
        accepted.fetch_add(1, Ordering::SeqCst);
        let (now, weather) = (weather.borrow().clone(), weather.subscribe());
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = serve(client, now, weather) => {}
            }
        });
    }
}

async fn serve(client: TcpStream, now: Weather, weather: watch::Receiver<Weather>) {
    if now.cut {
        return connection::reset(&client);
    }
    match TcpStream::connect(now.upstream).await {
        Ok(server) => connection::run(client, server, now.epoch, weather).await,
        // Whoever is refused behind the proxy is refused before it.
        Err(_) => connection::reset(&client),
    }
}
