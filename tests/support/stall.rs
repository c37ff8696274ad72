//! How long signals have to wait for the broker, seen from outside.

use crate::stage::Stage;
use crate::wait::within;
use relink_http::client::{HttpClient, Limits};
use relink_http::{HeaderMap, Method};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A signal that is younger waits for nothing but its turn.
const SHORT: Duration = Duration::from_secs(2);

/// Watches a receiver's spool. Ends with this value.
pub struct Stall {
    watching: JoinHandle<()>,
    waited: watch::Receiver<Waited>,
}

#[derive(Default)]
struct Waited {
    now: Duration,
    longest: Duration,
}

impl Stall {
    /// Watches the first receiver of a stage from now on.
    pub fn watch(stage: &Stage) -> Self {
        let receiver = stage.processes.iter().find(|actor| actor.role == "receive").unwrap();
        let url = format!("{}/metrics", receiver.process.admin_url().unwrap());
        let (seen, waited) = watch::channel(Waited::default());
        let watching = tokio::spawn(async move {
            let client = HttpClient::new(Limits::default()).unwrap();
            loop {
                let asked = client.call(Method::GET, &url, HeaderMap::new(), Default::default());
                if let Ok(answer) = asked.await {
                    let now = age_of_oldest(&String::from_utf8_lossy(&answer.body));
                    seen.send_modify(|waited| {
                        *waited = Waited { now, longest: waited.longest.max(now) };
                    });
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self { watching, waited }
    }

    /// Waits until signals get to the broker as they come in, under a load that goes on.
    ///
    /// # Panics
    /// When they do not after `patience`.
    pub async fn is_over_within(&self, patience: Duration) {
        within(patience, "signals to get to the broker again", || async {
            (self.waited.borrow().now < SHORT).then_some(())
        })
        .await;
    }

    /// The longest that any signal has waited so far.
    pub fn longest(&self) -> Duration {
        self.waited.borrow().longest
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn age_of_oldest(metrics: &str) -> Duration {
    let mut values =
        metrics.lines().filter_map(|line| line.strip_prefix("relink_spool_oldest_seconds "));
    let seconds = values.next().unwrap_or_else(|| panic!("no age in {metrics}")).parse().unwrap();
    Duration::from_secs_f64(seconds)
}
