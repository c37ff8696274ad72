//! The receiver as a whole: put together by [`Receiver::build`], run by [`Receiver::run`], and
//! stopped in the order that loses nothing: no new connections, requests in hand to their end,
//! one last try to forward, the spool closed.

use crate::accept::Desk;
use crate::callers::Callers;
use crate::confirms::Confirms;
use crate::forward::{Forwarder, Parting};
use crate::metrics::Metrics;
use crate::quarantine::{self, Inlet, Keeper, Quarantine};
use crate::sampled::Sampled;
use crate::service::Front;
use prometheus_client::registry::Registry;
use relink_cobalt::Verifier;
use relink_config::{ApiKey, ReplyAfter};
use relink_http::listener::Listener;
use relink_http::server::{self, Limits};
use relink_queue::Queue;
use relink_queue::log::SegmentLog;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// For a whole request head; Cobalt waits 2 s for an answer, so slower is of no use.
const HEADER_TIMEOUT: Duration = Duration::from_secs(1);

/// For requests in hand once the receiver stops.
const DRAIN: Duration = Duration::from_secs(2);

/// The largest request head, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// What a receiver is made of.
pub struct Parts<'a> {
    /// `[receiver]`
    pub config: &'a relink_config::Receiver,
    /// Knows Cobalt's live webhook secrets.
    pub verifier: Verifier,
    /// Who may post reports.
    pub api_keys: &'a [ApiKey],
    /// Opened on the spool's own folder; the receiver closes it when it stops.
    pub spool: SegmentLog,
    /// Where requests go that fail their signature; without one none are kept.
    pub quarantine: Option<Quarantine>,
    /// Where signals go from the spool; need not be reachable.
    pub queue: Arc<dyn Queue>,
}

/// Flow 1, ready to run.
pub struct Receiver {
    desk: Arc<Desk>,
    forwarder: Forwarder,
    keeper: Option<Keeper>,
    spool: SegmentLog,
    limits: Limits,
    /// Given when events may leave the spool.
    go: CancellationToken,
}

/// Why a receiver ended without being told to. The spool is intact; start it again.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A fault of this program.
    #[error("the forwarder ended in a panic; signals are safe in the spool")]
    ForwarderDied(#[source] tokio::task::JoinError),
}

impl Receiver {
    /// Puts a receiver together and registers its metrics. Touches neither network nor queue.
    pub fn build(parts: Parts<'_>, registry: &mut Registry) -> Self {
        let Parts { config, verifier, api_keys, spool, quarantine, queue } = parts;
        let metrics = Metrics::register(registry, spool.clone());
        let confirms = match config.reply_after {
            ReplyAfter::Spool => None,
            ReplyAfter::Broker => Some(Arc::new(Confirms::default())),
        };
        let forwarder =
            Forwarder::new(spool.clone(), queue.publisher(), confirms.clone(), metrics.clone());
        let (inlet, keeper) = match quarantine {
            Some(quarantine) => {
                let (inlet, keeper) = quarantine::open(quarantine, registry);
                (inlet, Some(keeper))
            }
            None => (Inlet::default(), None),
        };
        let desk = Desk {
            callers: Callers::new(verifier, api_keys, inlet, metrics.clone()),
            spool: spool.clone(),
            confirms,
            in_flight: Semaphore::new(config.max_in_flight),
            max_body: config.max_body,
            fault_lines: Sampled::default(),
            metrics,
        };
        let limits = Limits {
            max_connections: config.max_connections,
            header_timeout: HEADER_TIMEOUT,
            max_head: MAX_HEAD,
            drain: DRAIN,
            ..Limits::default()
        };
        let go = CancellationToken::new();
        go.cancel();
        Self { desk: Arc::new(desk), forwarder, keeper, spool, limits, go }
    }

    /// Takes events at once, and hands them on only from `go` on: a receiver that is stopped before
    /// leaves them in its spool.
    #[must_use]
    pub fn forwarding_after(self, go: CancellationToken) -> Self {
        Self { go, ..self }
    }

    /// Serves `listener` and forwards until `shutdown`, then leaves it in its way and ends within
    /// about 10 s: requests on their way get 1 s, those in hand 2 s, work behind their answers 2 s
    /// more, the quarantine 2 s, the last try to forward 3 s. There is no last try when somebody
    /// else keeps the socket: who connects waits in it for the next receiver, which forwards at once.
    ///
    /// # Errors
    /// [`RunError`], after the same orderly stop.
    pub async fn run(
        self,
        listener: impl Into<Listener>,
        shutdown: CancellationToken,
    ) -> Result<(), RunError> {
        let Self { desk, forwarder, keeper, spool, limits, go } = self;
        let listener = listener.into();
        let parting = if listener.is_kept() { Parting::Leave } else { Parting::TryAgain };
        let stop_serving = shutdown.child_token();
        let stop_forwarding = CancellationToken::new();
        let forwarding = tokio::spawn({
            // A receiver that cannot forward must not go on as if it could.
            let end = stop_serving.clone().drop_guard();
            let stop = stop_forwarding.clone();
            async move {
                let _end = end;
                forwarder.run(go, stop, parting).await;
            }
        });
        let stop_keeping = CancellationToken::new();
        let keeping = keeper.map(|keeper| tokio::spawn(keeper.run(stop_keeping.clone())));
        let tasks = TaskTracker::new();
        let front = Front { desk, tasks: tasks.clone() };
        server::serve(listener, front, limits, stop_serving).await;
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            tracing::warn!(tasks = tasks.len(), "stopping with work in hand");
        }
        stop_keeping.cancel();
        if let Some(keeping) = keeping
            && tokio::time::timeout(DRAIN, keeping).await.is_err()
        {
            tracing::warn!("stopping with requests that the quarantine had not written yet");
        }
        stop_forwarding.cancel();
        let forwarded = forwarding.await.map_err(RunError::ForwarderDied);
        let kept = spool.stats().pending;
        if kept > 0 {
            tracing::warn!(kept, "events stay in the spool until a receiver starts on this folder");
        }
        spool.close().await;
        forwarded
    }
}
