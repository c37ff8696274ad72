//! A listening socket, and how it is left so that no connection is refused on the way: a process
//! that stops goes on accepting for a while, and what waits in the socket is served before it is
//! closed.
//!
//! The kernel resets whatever still waits in a socket that is closed, even while another process
//! listens on the same port, and likewise a handshake that began on it. A port that is handed
//! over therefore first turns new handshakes away, which the peer's system begins again a second
//! later and which then lead to the other process.

use crate::server::Peer;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

/// Connections that may wait to be accepted; as many as with [`bind`].
const BACKLOG: u32 = 1024;

/// For handshakes that began before new ones were turned away: more than a round trip to a proxy or
/// to the other end of a continent, and together with the second of the turned away less than the
/// 2 s that Cobalt waits.
const HANDSHAKES: Duration = Duration::from_millis(250);

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {why} (is another process using it, or is the address not this machine's?)"
)]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// What the system said.
    pub why: io::Error,
}

/// Opens a listener, so that the port is known before anything runs.
///
/// # Errors
/// [`BindError`].
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|why| BindError { address, why })
}

/// A listening socket with its way of ending.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    linger: Duration,
    ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nobody else has it: what waits in it is served, and then it is closed.
    Closed,
    /// Others may listen on the same port: no handshake may be under way when it is closed.
    HandedOver,
    /// Somebody else keeps it open: what waits in it waits for the next process.
    Kept,
}

/// Closed as soon as its server stops.
impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket, linger: Duration::ZERO, ending: Ending::Closed }
    }
}

impl Listener {
    /// Listens on a port that other processes of this user may listen on at the same time
    /// (`SO_REUSEPORT`); the kernel spreads connections over them. Each must ask for it.
    ///
    /// # Errors
    /// [`BindError`], also when a process listens there that did not ask for it.
    pub fn bind_shared(address: SocketAddr) -> Result<Self, BindError> {
        let open = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let socket = open().map_err(|why| BindError { address, why })?;
        Ok(Self { socket, linger: Duration::ZERO, ending: Ending::HandedOver })
    }

    /// Takes a socket that a supervisor opened and keeps open.
    ///
    /// # Errors
    /// It does not listen.
    pub fn inherited(socket: std::net::TcpListener) -> io::Result<Self> {
        if !socket2::SockRef::from(&socket).is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket does not listen"));
        }
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        Ok(Self { socket, linger: Duration::ZERO, ending: Ending::Kept })
    }

    /// Goes on accepting for `linger` once its server is told to stop, so that whoever chooses
    /// among several servers can see that this one is leaving. A socket that somebody else keeps
    /// open has no need of it.
    #[must_use]
    pub fn lingering(mut self, linger: Duration) -> Self {
        self.linger = match self.ending {
            Ending::Closed | Ending::HandedOver => linger,
            Ending::Kept => Duration::ZERO,
        };
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether somebody else keeps it open: who connects after this process has left it waits for
    /// the next one.
    pub fn is_kept(&self) -> bool {
        self.ending == Ending::Kept
    }

    pub(crate) fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// Returns once nothing more needs to be accepted after `stop`, apart from [`Self::backlog`].
    /// The socket must be accepted from meanwhile.
    pub(crate) async fn leave(&self, stop: &CancellationToken) {
        stop.cancelled().await;
        // A sleep of nothing would still take a tick, and somebody else's connections with it.
        if !self.linger.is_zero() {
            tokio::time::sleep(self.linger).await;
        }
        if self.ending == Ending::HandedOver {
            match turn_away(&self.socket) {
                Ok(()) => tokio::time::sleep(HANDSHAKES).await,
                Err(error) => {
                    tracing::warn!(%error, "a handshake that is under way may be reset");
                }
            }
        }
    }

    /// What waits in the socket; it is closed with the end of this.
    pub(crate) fn backlog(self) -> Backlog {
        match self.ending {
            Ending::Kept => Backlog(None),
            Ending::Closed | Ending::HandedOver => Backlog(self.socket.into_std().ok()),
        }
    }
}

/// What had been accepted by the kernel and by nobody else. Asks the kernel directly: the runtime
/// may not have heard yet of a connection that is there.
pub(crate) struct Backlog(Option<std::net::TcpListener>);

impl Iterator for Backlog {
    type Item = (TcpStream, Peer);

    fn next(&mut self) -> Option<(TcpStream, Peer)> {
        loop {
            let (stream, peer) = match self.0.as_ref()?.accept() {
                Ok(accepted) => accepted,
                // Left while it waited; the next one may not have.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                // The end: nothing waits, or nothing can be had.
                Err(_) => return None,
            };
            stream.set_nonblocking(true).ok()?;
            return Some((TcpStream::from_std(stream).ok()?, Peer(peer)));
        }
    }
}

/// Drops the first packet of every new handshake.
#[cfg(target_os = "linux")]
fn turn_away(socket: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;
    // Classic BPF over the TCP header: the byte of the flags; SYN set: nothing of the packet is
    // kept, else all of it. Connections that were accepted before carry no SYN.
    let no_syn = [
        SockFilter::new(0x30, 0, 0, 13),
        SockFilter::new(0x45, 0, 1, 0x02),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    socket2::SockRef::from(socket).attach_filter(&no_syn)
}

#[cfg(not(target_os = "linux"))]
fn turn_away(_: &TcpListener) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
