//! A mail relay that takes everything and keeps nothing but the count: as cheap as a relay can
//! be, so that what the figure shows is the sender's work and not the relay's. On request it takes
//! its time for each mail, as a real one does that syncs what it accepts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The running relay; ends with this value.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    taken: Arc<AtomicU64>,
    _stop: DropGuard,
}

impl Relay {
    /// Listens on a free port, and lets `pause` pass between each mail and its acceptance.
    pub(crate) async fn start(pause: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, taken) = (listener.local_addr()?, Arc::new(AtomicU64::new(0)));
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            Arc::clone(&taken),
            pause,
        )));
        Ok(Self { address, taken, _stop: stop.drop_guard() })
    }

    /// Mails accepted so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, taken: Arc<AtomicU64>, pause: Duration) {
    while let Ok((stream, _)) = listener.accept().await {
        let taken = Arc::clone(&taken);
        tokio::spawn(async move {
            if let Err(error) = session(stream, &taken, pause).await {
                tracing::debug!(%error, "mail session ended");
            }
        });
    }
}

async fn session(mut stream: TcpStream, taken: &AtomicU64, pause: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    writer.write_all(b"220 relay ESMTP\r\n").await?;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let reply: &[u8] = match line.get(..4).unwrap_or_default() {
            b"EHLO" => b"250-relay\r\n250 8BITMIME\r\n",
            b"DATA" => {
                writer.write_all(b"354 Go ahead\r\n").await?;
                while line != b".\r\n" {
                    line.clear();
                    if reader.read_until(b'\n', &mut line).await? == 0 {
                        return Ok(());
                    }
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                let number = taken.fetch_add(1, Ordering::Relaxed) + 1;
                let reply = format!("250 2.0.0 OK: queued as {number:X}\r\n");
                writer.write_all(reply.as_bytes()).await?;
                continue;
            }
            b"QUIT" => return writer.write_all(b"221 2.0.0 Bye\r\n").await,
            _ => b"250 2.1.0 OK\r\n",
        };
        writer.write_all(reply).await?;
    }
}
