//! The receiver as it runs (signature, parse, spool with fsync, forwarding behind it) against
//! the same accept loop answering 202 and doing nothing else, under the same client.

use crate::http_load::{send_all, signed_posts};
use crate::measure::{Contest, take_turns};
use crate::report::Figure;
use crate::settings::{self, WEBHOOK_SECRET};
use crate::sink_queue::SinkQueue;
use crate::workplace::Workplace;
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use prometheus_client::registry::Registry;
use relink_cobalt::Verifier;
use relink_core::seal::{KEY_LEN, SealKey};
use relink_http::server::{Limits, bind, serve};
use relink_queue::Queue;
use relink_queue::embedded::EmbeddedQueue;
use relink_queue::log::{LogOptions, SegmentLog};
use relink_receiver::{Parts, Receiver};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const GOAL: f64 = 0.5;
const REQUESTS: u64 = 20_000;
const CONNECTIONS: usize = 64;

/// How long what is spooled may take to be forwarded once the requests have ended.
const FORWARD_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Requests in each round.
    #[arg(long, default_value_t = REQUESTS, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Connections kept open, each with one request under way.
    #[arg(long, default_value_t = CONNECTIONS)]
    connections: usize,
    /// Where the receiver forwards to.
    #[arg(long, value_enum, default_value_t = Forwarding::Sink)]
    queue: Forwarding,
}

impl Default for Options {
    fn default() -> Self {
        Self { count: REQUESTS, connections: CONNECTIONS, queue: Forwarding::Sink }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Forwarding {
    /// A queue that keeps nothing: the receiver alone is measured.
    Sink,
    /// The embedded queue, with an fsync of its own.
    Embedded,
}

/// Runs the contest.
pub(crate) async fn measure(
    workplace: &Workplace,
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    let folder = workplace.fresh("receiver")?;
    let real = Running::receiver(folder.path(), options.queue).await?;
    let bare = Running::bare().await?;
    let mut first = 0;
    let (queue, goal) = match options.queue {
        Forwarding::Sink => ("", GOAL),
        Forwarding::Embedded => (", embedded queue", GOAL),
    };
    let name = format!("receiver, {} connections{queue}", options.connections);
    let contest = Contest { name: &name, unit: "requests/s", goal, rounds: workplace.rounds };
    let spool = real.spool.clone().context("the receiver has a spool")?;
    let mut left = 0;
    let mut ratio = take_turns(
        contest,
        async || {
            let posts = signed_posts(WEBHOOK_SECRET, first, options.count)?;
            first += options.count;
            let turn = send_all(real.address, posts, options.connections).await?;
            left = spool.stats().pending.max(left);
            // What is left over must not slow the bare one down.
            forwarded(&spool).await?;
            Ok(turn)
        },
        async || {
            let posts = signed_posts(WEBHOOK_SECRET, 0, options.count)?;
            send_all(bare.address, posts, options.connections).await
        },
    )
    .await?;
    ratio.notes.push(format!(
        "{} events a round, each synced to the disk before its 202; at most {left} of a round \
         were not yet forwarded when its last answer came",
        options.count
    ));
    real.stop().await?;
    bare.stop().await?;
    Ok(vec![Figure::Ratio(ratio)])
}

async fn forwarded(spool: &SegmentLog) -> anyhow::Result<()> {
    let empty = async {
        while spool.stats().pending > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(FORWARD_DEADLINE, empty)
        .await
        .context("the spool was not forwarded in time")
}

/// A server and how it ends.
struct Running {
    address: SocketAddr,
    spool: Option<SegmentLog>,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn receiver(folder: &Path, forwarding: Forwarding) -> anyhow::Result<Self> {
        let config = settings::parse(&settings::text(folder, 25, ""))?;
        let key = SealKey::from_bytes("bench", &[7; KEY_LEN])?;
        let options = LogOptions {
            max_bytes: config.receiver.spool_max,
            min_free: config.receiver.min_free,
            ..LogOptions::new(folder.join("spool"), "spool")
        };
        let spool = SegmentLog::open(options, key.clone())?;
        let queue: Arc<dyn Queue> = match forwarding {
            Forwarding::Sink => Arc::new(SinkQueue),
            Forwarding::Embedded => {
                let (max, min_free) = (config.receiver.spool_max, config.receiver.min_free);
                Arc::new(EmbeddedQueue::open(folder, key, max, min_free).await?)
            }
        };
        let parts = Parts {
            config: &config.receiver,
            verifier: Verifier::new(&config.cobalt.webhook_secrets),
            api_keys: &config.api_keys,
            spool: spool.clone(),
            quarantine: None,
            queue,
        };
        let receiver = Receiver::build(parts, &mut Registry::default());
        let listener = bind(loopback()).await?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        let running = receiver.run(listener, stop.clone());
        let task = tokio::spawn(async move { Ok(running.await?) });
        Ok(Self { address, spool: Some(spool), stop, task })
    }

    async fn bare() -> anyhow::Result<Self> {
        let service = service_fn(|_: Request<Incoming>| async {
            let mut answer = Response::new(Empty::<Bytes>::new());
            *answer.status_mut() = StatusCode::ACCEPTED;
            Ok::<_, Infallible>(answer)
        });
        let listener = bind(loopback()).await?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        let serving = serve(listener, service, Limits::default(), stop.clone());
        let task = tokio::spawn(async move {
            serving.await;
            Ok(())
        });
        Ok(Self { address, spool: None, stop, task })
    }

    async fn stop(self) -> anyhow::Result<()> {
        ensure!(!self.task.is_finished(), "a server ended by itself");
        self.stop.cancel();
        self.task.await.context("a server ended in a panic")?
    }
}

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
