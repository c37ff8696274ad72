//! How a process is told to stop.

use crate::failure::Failure;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGTERM or SIGINT cancels; a second signal ends the process at once, which is
/// safe: everything that counts is on disk before it is answered.
pub(crate) fn on_signal() -> Result<CancellationToken, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))
    };
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first {
                tracing::info!("stopping: taking no more, finishing what is in hand");
                token.cancel();
            } else {
                tracing::warn!("stopping at once");
                std::process::exit(1);
            }
        }
    });
    Ok(stop)
}
