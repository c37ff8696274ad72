//! What is said to a supervisor that listens (systemd's `NOTIFY_SOCKET`): ready, stopping, and,
//! when it wants to hear that, still turning. Without one, nothing is said. A word that does not
//! arrive is logged and changes nothing.

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

/// Everything is built and every port is open.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// Says that the process turns, and once `stop` is given that it takes no more. Never ends by
/// itself.
pub(crate) async fn keep_informed(stop: CancellationToken) {
    let turning = async {
        match sd_notify::watchdog_enabled() {
            Some(patience) => loop {
                tell(NotifyState::Watchdog);
                tokio::time::sleep(patience / 3).await;
            },
            None => std::future::pending::<()>().await,
        }
    };
    let stopping = async {
        stop.cancelled().await;
        tell(NotifyState::Stopping);
    };
    tokio::join!(turning, stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}
