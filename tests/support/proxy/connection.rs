//! One proxied connection: two directions, each a reader that stamps what came with the moment
//! it may go on, and a writer that lets it go then.

use super::{Toxic, Weather};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Pieces on their way in one direction; a sender that is faster waits.
const IN_FLIGHT: usize = 64;

/// The largest piece.
const PIECE: usize = 16 * 1024;

/// How a direction ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The sender closed, and all of it was passed on.
    Closed,
    /// Both sides are to be reset.
    Reset,
}

/// Makes the system send a reset instead of a farewell when the stream is dropped.
pub(super) fn reset(stream: &TcpStream) {
    // Fails only on a socket that is gone already.
    let _ = stream.set_zero_linger();
}

/// Runs until both directions have ended, or either side is to be reset.
pub(super) async fn run(
    client: TcpStream,
    server: TcpStream,
    epoch: CancellationToken,
    weather: watch::Receiver<Weather>,
) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = Direction { weather: weather.clone(), toxic: |weather| weather.toxics.up };
    let down = Direction { weather, toxic: |weather| weather.toxics.down };
    // Both halves stay alive until the end is known, so that a reset can be arranged.
    let (mut to_server, mut to_client) = (to_server, to_client);
    let ended = tokio::select! {
        () = epoch.cancelled() => End::Reset,
        ended = both(up.pump(from_client, &mut to_server), down.pump(from_server, &mut to_client)) => ended,
    };
    if ended == End::Reset {
        for writer in [to_server, to_client] {
            reset(writer.as_ref());
            // Dropped in the usual way it would say farewell first.
            writer.forget();
        }
    }
}

async fn both(up: impl Future<Output = End>, down: impl Future<Output = End>) -> End {
    tokio::pin!(up, down);
    let (first, other_is_up) = tokio::select! {
        end = &mut up => (end, false),
        end = &mut down => (end, true),
    };
    match (first, other_is_up) {
        (End::Reset, _) => End::Reset,
        (End::Closed, true) => up.await,
        (End::Closed, false) => down.await,
    }
}

struct Direction {
    weather: watch::Receiver<Weather>,
    toxic: fn(&Weather) -> Toxic,
}

impl Direction {
    fn now(&self) -> Toxic {
        (self.toxic)(&self.weather.borrow())
    }

    async fn pump(mut self, reader: OwnedReadHalf, writer: &mut OwnedWriteHalf) -> End {
        let (pieces, mut arrived) = mpsc::channel(IN_FLIGHT);
        let stamp = Self { weather: self.weather.clone(), toxic: self.toxic };
        let reading = stamp.read(reader, pieces);
        // Owns the receiver: the reader notices when this ends first.
        let writing = async move {
            let mut passed = 0;
            while let Some((release, piece)) = arrived.recv().await {
                tokio::time::sleep_until(release).await;
                if let Err(end) = self.write(writer, &piece, &mut passed).await {
                    return end;
                }
            }
            let _ = writer.shutdown().await;
            End::Closed
        };
        let (end, ()) = tokio::join!(writing, reading);
        end
    }

    async fn read(self, mut reader: OwnedReadHalf, pieces: mpsc::Sender<(Instant, Vec<u8>)>) {
        let mut last = Instant::now();
        loop {
            let mut piece = vec![0; PIECE];
            let read = tokio::select! {
                // The writer has given up.
                () = pieces.closed() => return,
                read = reader.read(&mut piece) => read,
            };
            let Ok(length @ 1..) = read else { return };
            piece.truncate(length);
            let toxic = self.now();
            last = last.max(Instant::now() + toxic.latency + share(toxic.jitter));
            if pieces.send((last, piece)).await.is_err() {
                return;
            }
        }
    }

    /// Passes one piece on as the illness of the moment lets it.
    async fn write(
        &mut self,
        writer: &mut OwnedWriteHalf,
        piece: &[u8],
        passed: &mut u64,
    ) -> Result<(), End> {
        let mut rest = piece;
        while !rest.is_empty() {
            self.until_let_through().await?;
            let toxic = self.now();
            let mut length = rest.len().min(toxic.slice.unwrap_or(PIECE).max(1));
            if let Some(limit) = toxic.reset_after {
                let left = usize::try_from(limit.saturating_sub(*passed)).unwrap_or(usize::MAX);
                if left == 0 {
                    return Err(End::Reset);
                }
                length = length.min(left);
            }
            let (slice, after) = rest.split_at(length);
            writer.write_all(slice).await.map_err(|_| End::Reset)?;
            *passed += length as u64;
            rest = after;
            if let Some(rate) = toxic.bytes_per_second {
                tokio::time::sleep(Duration::from_secs_f64(length as f64 / rate as f64)).await;
            } else if toxic.slice.is_some() {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn until_let_through(&mut self) -> Result<(), End> {
        let toxic = self.toxic;
        let open = self.weather.wait_for(|weather| !toxic(weather).hold);
        // An error means that the proxy itself is gone.
        open.await.map(|_| ()).map_err(|_| End::Reset)
    }
}

fn share(most: Duration) -> Duration {
    most.mul_f64(fastrand::f64())
}
