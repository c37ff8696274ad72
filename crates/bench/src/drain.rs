//! A full spool drained into a quorum queue by the program's own forwarder, against the shortest
//! loop over the bare library that is as safe: the same bodies from memory, the same number
//! published before all their confirms are awaited. Both begin without a connection.

use crate::broker::{self, Corner};
use crate::measure::{Contest, Meter, Turn, take_turns};
use crate::report::Figure;
use crate::settings::{self, AMQP_VARIABLE};
use crate::workplace::Workplace;
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use prometheus_client::registry::Registry;
use relink_cobalt::Verifier;
use relink_core::Timestamp;
use relink_core::id::{AccountRef, EventId};
use relink_core::seal::{KEY_LEN, SealKey, sha256_hex};
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::trace::TraceContext;
use relink_core::wire::{SignalMessage, Topic};
use relink_http::server::bind;
use relink_queue::log::{LogOptions, SegmentLog};
use relink_receiver::{Parts, Receiver};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const GOAL: f64 = 0.8;
const EVENTS: u64 = 30_000;

/// The program's own default.
const WINDOW: usize = 256;

/// How long one round may take.
const DEADLINE: Duration = Duration::from_secs(300);

/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Events in each round.
    #[arg(long, default_value_t = EVENTS, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Published before their confirms are awaited, on both sides.
    #[arg(long, default_value_t = WINDOW)]
    window: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { count: EVENTS, window: WINDOW }
    }
}

/// An event as it is spooled.
struct Event {
    id: String,
    body: Bytes,
}

/// Runs the contest.
pub(crate) async fn measure(
    workplace: &Workplace,
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    let name = "drain into RabbitMQ";
    let Some(url) = settings::server(AMQP_VARIABLE) else {
        return Ok(vec![Figure::without(name, AMQP_VARIABLE)]);
    };
    let events = (0..options.count).map(event).collect::<anyhow::Result<Vec<_>>>()?;
    let bytes: usize = events.iter().map(|event| event.body.len()).sum();
    let (ours, bare) =
        (Corner::new(&url, options.window).await?, Corner::new(&url, options.window).await?);
    let contest = Contest { name, unit: "events/s", goal: GOAL, rounds: workplace.rounds };
    let mut ratio = take_turns(
        contest,
        async || {
            let turn = drain_spool(workplace, &ours, &events, options.window).await?;
            checked(&ours, options.count, turn).await
        },
        async || {
            let turn = publish_bare(&bare, &events, options.window).await?;
            checked(&bare, options.count, turn).await
        },
    )
    .await?;
    ratio.notes.push(format!(
        "{} events of {} bytes a round, {} published before their confirms are awaited",
        options.count,
        bytes as u64 / options.count,
        options.window
    ));
    ours.remove().await?;
    bare.remove().await?;
    Ok(vec![Figure::Ratio(ratio)])
}

/// The turn, once it is sure that everything arrived; empties the queue for the next round.
async fn checked(corner: &Corner, count: u64, turn: Turn) -> anyhow::Result<Turn> {
    let arrived = corner.empty(Topic::Signals).await?;
    ensure!(u64::from(arrived) == count, "{arrived} of {count} events arrived");
    Ok(turn)
}

/// From a receiver that starts over a full spool to its last record settled.
async fn drain_spool(
    workplace: &Workplace,
    corner: &Corner,
    events: &[Event],
    window: usize,
) -> anyhow::Result<Turn> {
    let folder = workplace.fresh("spool")?;
    let config = settings::parse(&settings::text(folder.path(), 25, ""))?;
    let key = SealKey::from_bytes("bench", &[7; KEY_LEN])?;
    let options = LogOptions {
        max_bytes: config.receiver.spool_max,
        min_free: config.receiver.min_free,
        ..LogOptions::new(folder.path().join("spool"), "spool")
    };
    let spool = SegmentLog::open(options, key)?;
    for some in events.chunks(1024) {
        let stored = some.iter().map(|event| spool.append(&event.id, event.body.clone()));
        try_join_all(stored).await.context("the spool cannot be filled")?;
    }
    let parts = Parts {
        config: &config.receiver,
        verifier: Verifier::new(&config.cobalt.webhook_secrets),
        api_keys: &config.api_keys,
        spool: spool.clone(),
        quarantine: None,
        queue: Arc::new(corner.queue(window)),
    };
    let receiver = Receiver::build(parts, &mut Registry::default());
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let stop = CancellationToken::new();

    let meter = Meter::start();
    let running = tokio::spawn(receiver.run(listener, stop.clone()));
    let drained = async {
        while spool.stats().pending > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(DEADLINE, drained).await.context("the spool was not drained in time")?;
    let turn = meter.stop(events.len() as u64);

    stop.cancel();
    running.await.context("the receiver ended in a panic")??;
    Ok(turn)
}

/// The shortest loop that loses nothing.
async fn publish_bare(corner: &Corner, events: &[Event], window: usize) -> anyhow::Result<Turn> {
    let meter = Meter::start();
    let connection = broker::connect(&corner.url).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    for some in events.chunks(window) {
        let mut confirms = Vec::with_capacity(some.len());
        for event in some {
            let (exchange, key) = (corner.prefix.as_str().into(), Topic::Signals.as_str().into());
            let confirm = channel
                .basic_publish(exchange, key, options, &event.body, properties.clone())
                .await?;
            confirms.push(confirm);
        }
        for confirm in confirms {
            ensure!(confirm.await?.is_ack(), "the broker refused a message");
        }
    }
    let turn = meter.stop(events.len() as u64);
    connection.close(200, "done".into()).await?;
    Ok(turn)
}

/// A signal as the receiver would spool it, with names long enough to make about a kilobyte.
fn event(number: u64) -> anyhow::Result<Event> {
    let id = format!("550e8400-e29b-41d4-a716-{number:012x}");
    let now = Timestamp::now();
    let signal = Signal {
        event_id: EventId::parse(&id)?,
        account_ref: AccountRef::parse(&format!("clinic_{number:0>150}"))?,
        kind: SignalKind::LoginRequired,
        source: SignalSource::CobaltWebhook,
        occurred_at: now,
        received_at: now,
        emr_instance_domain: Some(format!("https://{}.example.org", "ehr".repeat(90))),
        error_type: Some("password_expired".to_owned()),
        digest: sha256_hex(id.as_bytes()),
        trace: Some(TraceContext::from_random(u128::from(number) + 1, number + 1)),
    };
    Ok(Event { id, body: SignalMessage::encode(&signal).into() })
}
