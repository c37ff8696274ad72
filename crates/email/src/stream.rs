//! The byte stream under the mail library, with three things it needs and a socket has not: the
//! end of the stream is an error, so that it cannot be mistaken for a bad reply; a reply has a
//! greatest size even without a line break; and in the clear it hands out no more than one line
//! at a time, so that what somebody adds behind the answer to STARTTLS meets the handshake and
//! is never taken for an encrypted reply.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The most bytes a server may say until we say something: many times the longest greeting, and
/// more than a certificate chain. The library's own limit counts whole lines only.
const MAX_REPLY: usize = 128 * 1024;

/// How far ahead a line's end is looked for.
const LOOK_AHEAD: usize = 2048;

/// A connection to a relay.
pub(crate) struct Wire {
    transport: Transport,
    peer: SocketAddr,
    allowance: usize,
}

enum Transport {
    Clear(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// A stream that the mail library may upgrade.
    pub(crate) fn clear(stream: TcpStream, peer: SocketAddr) -> Self {
        Self { transport: Transport::Clear(stream), peer, allowance: MAX_REPLY }
    }

    /// A stream that is encrypted already.
    pub(crate) fn encrypted(stream: TlsStream<TcpStream>, peer: SocketAddr) -> Self {
        let transport = Transport::Encrypted(Box::new(stream));
        Self { transport, peer, allowance: MAX_REPLY }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        let writer: &mut (dyn AsyncWrite + Unpin) = match &mut self.transport {
            Transport::Clear(stream) => stream,
            Transport::Encrypted(stream) => stream,
        };
        Pin::new(writer)
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wire({})", self.peer)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(match &mut self.transport {
            Transport::Clear(stream) => poll_read_line(stream, context, buffer),
            Transport::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        let length = buffer.filled().len() - before;
        if length == 0 {
            return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
        }
        let Some(left) = self.allowance.checked_sub(length) else {
            return Poll::Ready(Err(Error::new(ErrorKind::InvalidData, "the reply has no end")));
        };
        self.allowance = left;
        Poll::Ready(Ok(()))
    }
}

/// Reads what is there, up to the end of the line.
fn poll_read_line(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<Result<()>> {
    let mut sight = [0; LOOK_AHEAD];
    let mut sight = ReadBuf::new(&mut sight);
    ready!(stream.poll_peek(context, &mut sight))?;
    let seen = sight.filled();
    let line = seen.iter().position(|byte| *byte == b'\n').map_or(seen.len(), |end| end + 1);
    let length = line.min(buffer.remaining());
    let mut part = ReadBuf::new(buffer.initialize_unfilled_to(length));
    ready!(Pin::new(stream).poll_read(context, &mut part))?;
    let length = part.filled().len();
    buffer.advance(length);
    Poll::Ready(Ok(()))
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.allowance = MAX_REPLY;
        self.writer().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.writer().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.writer().poll_shutdown(context)
    }
}
