//! Bounded waiting on a condition.

use std::time::{Duration, Instant};

/// The longest wait for anything: beyond the two minutes after which a due notification that was
/// claimed by a process that died is published again.
const PATIENCE: Duration = Duration::from_secs(240);

/// Asks until the answer is there.
///
/// # Panics
/// When it is still not there after 4 min; `what` says what was missing.
pub async fn eventually<T, F, Fut>(what: &str, ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    within(PATIENCE, what, ask).await
}

/// The same with another patience.
///
/// # Panics
/// When the answer is still not there after `patience`.
pub async fn within<T, F, Fut>(patience: Duration, what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < patience, "waited {patience:?} for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
