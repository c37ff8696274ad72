//! A stretch of wire that can be cut: what stands behind it is gone for whoever goes through here,
//! and only for them.

use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A TCP proxy on a port of its own. Ends with the value.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    cut: watch::Sender<bool>,
}

impl Proxy {
    /// In front of `upstream`.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, state) = watch::channel(false);
        tokio::spawn(async move {
            let mut gone = state.clone();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    // The proxy was dropped.
                    _ = gone.wait_for(|_| false) => return,
                };
                let Ok((client, _)) = accepted else { continue };
                tokio::spawn(carry(client, upstream, state.clone()));
            }
        });
        Self { address, cut }
    }

    /// Breaks what is connected, and whatever connects from now on.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Lets connections through again.
    pub fn restore(&self) {
        self.cut.send_replace(false);
    }
}

async fn carry(mut client: TcpStream, upstream: SocketAddr, mut cut: watch::Receiver<bool>) {
    if *cut.borrow_and_update() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // Also when the proxy is dropped.
        _ = cut.wait_for(|cut| *cut) => {}
    }
}
