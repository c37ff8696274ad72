//! A connection that ends when it is told to. The library runs each connection on a thread that
//! waits for ever on a peer that falls silent in the handshake, and on a blocked connection; left
//! alone, every attempt to connect would leave a thread and a socket behind. So a second handle
//! on the socket is kept here, and shut down once saying goodbye has had its time.

use super::link::CONNECT;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// For the broker's answer to a goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// AMQP's reply code for an orderly end.
const SUCCESS: u16 = 200;

/// A connection. Dropping it closes it, in the background, within 2 s.
pub(crate) struct Wire {
    connection: Arc<Connection>,
    socket: Arc<Socket>,
}

impl Wire {
    /// Connects. Dropping the future ends the attempt and all that belongs to it.
    pub(crate) async fn open(
        uri: AMQPUri,
        properties: ConnectionProperties,
    ) -> lapin::Result<Self> {
        let socket = Arc::new(Socket::default());
        let held = Arc::downgrade(&socket);
        let runtime = lapin::runtime::default_runtime()?;
        let connecting = Connection::connector(
            uri,
            runtime,
            async move |uri, runtime| {
                let address = (uri.authority.host.clone(), uri.authority.port);
                let stream = AsyncTcpStream::connect(&runtime, runtime.to_socket_addrs(address));
                let Ok(stream) = tokio::time::timeout(CONNECT, stream).await else {
                    return Err(io::Error::from(io::ErrorKind::TimedOut).into());
                };
                let stream = stream?;
                match (held.upgrade(), &stream) {
                    (Some(socket), AsyncTcpStream::Plain(plain)) => socket.hold(plain.get_ref())?,
                    // Given up meanwhile.
                    _ => return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => {
                        let tls = OwnedTLSConfig::default();
                        Ok(stream.into_tls(&uri.authority.host, tls.as_ref()).await?)
                    }
                }
            },
            properties,
        );
        let connection = connecting.await?;
        Ok(Self { connection: Arc::new(connection), socket })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let (connection, socket) = (Arc::clone(&self.connection), Arc::clone(&self.socket));
        // Without a runtime nothing can be said any more: the socket is shut down at once.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let goodbye = connection.close(SUCCESS, "OK".into());
                if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
                    tracing::debug!("the broker did not answer a goodbye");
                }
                drop(socket);
            });
        }
    }
}

/// A second handle on a connection's socket. Dropping it shuts the socket down, which the
/// library's thread notices wherever it waits.
#[derive(Default)]
struct Socket(OnceLock<TcpStream>);

impl Socket {
    fn hold(&self, stream: &impl AsFd) -> io::Result<()> {
        let handle = TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        // A connection has one socket: recovery is off.
        self.0.set(handle).map_err(|_| io::Error::from(io::ErrorKind::AlreadyExists))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(stream) = self.0.take() {
            // Fails when the broker has closed it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
