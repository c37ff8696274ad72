//! What is said to a supervisor that listens (systemd's `NOTIFY_SOCKET`): ready, stopping, and,
//! when it wants to hear that, still turning. Without one, nothing is said. A word that does not
//! arrive is logged and changes nothing, and one that it does not take holds up nothing.

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

/// Says that everything is built and every port open, then that the process turns, and once `stop`
/// is given that it takes no more. Never ends by itself.
pub(crate) async fn keep_informed(stop: CancellationToken) {
    tell(NotifyState::Ready).await;
    let turning = async {
        if let Some(patience) = sd_notify::watchdog_enabled() {
            loop {
                tell(NotifyState::Watchdog).await;
                tokio::time::sleep(patience / 3).await;
            }
        }
    };
    let stopping = async {
        stop.cancelled().await;
        tell(NotifyState::Stopping).await;
    };
    tokio::join!(turning, stopping);
}

/// On a thread that may wait: the socket of a supervisor that reads nothing fills up.
async fn tell(state: NotifyState<'static>) {
    let told = tokio::task::spawn_blocking(move || sd_notify::notify(&[state])).await;
    if let Ok(Err(error)) = told {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}
