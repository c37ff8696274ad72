//! Emails with everything the worker does for one (gate and intent in a transaction, send,
//! outcome in a transaction, settle) against the same sender called without any of it, at the
//! same concurrency, to the same relay.

use crate::database::Database;
use crate::feed::feed;
use crate::measure::{Contest, Meter, Turn, take_turns};
use crate::people::{account, event_id, person, signal};
use crate::relay::Relay;
use crate::report::{Figure, Ratio};
use crate::settings::{self, POSTGRES_VARIABLE};
use crate::workplace::Workplace;
use anyhow::{Context as _, ensure};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use relink_config::Config;
use relink_core::account::{Address, Channel};
use relink_core::attempt::{Outcome, OutcomeKind};
use relink_core::id::{CaseId, ContactId, NotificationId, StepId, WorkerId};
use relink_core::seal::{KEY_LEN, KeyRing, SealKey};
use relink_core::sender::{MessageOrder, Sender};
use relink_core::signal::SignalKind;
use relink_email::EmailSender;
use relink_store::{AttemptFilter, Clock, Grouped, Store};
use relink_worker::Metrics;
use relink_worker::circuit::Circuit;
use relink_worker::deliver::Courier;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const GOAL: f64 = 0.5;
const EMAILS: u64 = 3_000;

/// The program's own default.
const CONCURRENCY: usize = 16;

/// Accounts, signals or claims in one call while everything is prepared.
const AT_ONCE: usize = 250;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Emails in each round.
    #[arg(long, default_value_t = EMAILS, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Sends at once, on both sides.
    #[arg(long, default_value_t = CONCURRENCY)]
    concurrency: usize,
    /// Milliseconds the relay takes to accept a mail, on both sides: 0 is a relay that does
    /// nothing at all, one that syncs each mail to its disk takes a few.
    #[arg(long, default_value_t = 0)]
    relay_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { count: EMAILS, concurrency: CONCURRENCY, relay_ms: 0 }
    }
}

/// Runs the contest once for each store.
pub(crate) async fn measure(
    workplace: &Workplace,
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    let sqlite = contest(workplace, options, "emails through SQLite", "").await?;
    let mut figures = vec![Figure::Ratio(sqlite)];
    let name = "emails through PostgreSQL";
    let Some(url) = settings::server(POSTGRES_VARIABLE) else {
        figures.push(Figure::without(name, POSTGRES_VARIABLE));
        return Ok(figures);
    };
    let database = Database::create(&url).await?;
    let engine = settings::postgres(&database.url);
    let mut ratio = contest(workplace, options, name, &engine).await?;
    ratio.notes.push(database.durability().await?);
    database.remove().await?;
    figures.push(Figure::Ratio(ratio));
    Ok(figures)
}

async fn contest(
    workplace: &Workplace,
    options: &Options,
    name: &str,
    engine: &str,
) -> anyhow::Result<Ratio> {
    let folder = workplace.fresh("store")?;
    let relay = Relay::start(Duration::from_millis(options.relay_ms)).await?;
    let mut config = settings::parse(&settings::text(folder.path(), relay.address.port(), engine))?;
    config.email.concurrency = options.concurrency;
    let office = Office::open(&config, options.concurrency).await?;
    let bare = Arc::new(sender(&config)?);
    let mut prepared = 0;
    let contest = Contest { name, unit: "emails/s", goal: GOAL, rounds: workplace.rounds };
    let mut ratio = take_turns(
        contest,
        async || {
            let ids = office.prepare(prepared..prepared + options.count).await?;
            prepared += options.count;
            let taken = relay.taken();
            let turn = office.deliver(&ids).await?;
            ensure!(relay.taken() - taken == options.count, "not every email was sent once");
            Ok(turn)
        },
        async || {
            let orders = (0..options.count).map(order).collect::<anyhow::Result<Vec<_>>>()?;
            send_bare(&bare, orders, options.concurrency).await
        },
    )
    .await?;
    office.all_recorded(prepared).await?;
    ratio.notes.push(format!(
        "{} emails a round, {} at once, to a relay that takes {} ms for each; every attempt is on \
         record",
        options.count, options.concurrency, options.relay_ms
    ));
    Ok(ratio)
}

fn sender(config: &Config) -> anyhow::Result<EmailSender> {
    Ok(EmailSender::new(&config.email, &config.instance.name)?)
}

/// A store and the courier that works on it.
struct Office {
    store: Arc<dyn Store>,
    courier: Arc<Courier>,
}

impl Office {
    async fn open(config: &Config, concurrency: usize) -> anyhow::Result<Self> {
        let keys = KeyRing::new(SealKey::from_bytes("bench", &[7; KEY_LEN])?, Vec::new());
        let rules = Arc::new(config.rules());
        let store = relink_store::open(&config.store, rules, keys, Clock::System).await?;
        store.migrate().await?;
        let metrics = Metrics::register(&mut Registry::default(), Histogram::new([]));
        let courier = Courier {
            outcomes: None,
            circuit: Circuit::new(Channel::Email, metrics.clone()),
            // What is measured is ours, not how soon Cobalt answers.
            prober: None,
            store: Arc::clone(&store),
            grouped: Grouped::new(&store),
            sender: Arc::new(sender(config)?),
            metrics,
            worker: WorkerId::parse("bench")?,
            public_url: config.instance.public_url.clone(),
            lease: config.work.lease,
            concurrency,
            drain: config.work.drain,
        };
        Ok(Self { store, courier: Arc::new(courier) })
    }

    /// An account, an open case and a due notification for each number.
    async fn prepare(&self, numbers: Range<u64>) -> anyhow::Result<Vec<NotificationId>> {
        let numbers: Vec<u64> = numbers.collect();
        for some in numbers.chunks(AT_ONCE) {
            let accounts = some.iter().map(account).collect::<anyhow::Result<Vec<_>>>()?;
            self.store.put_accounts(&accounts).await.context("accounts")?;
            let signals = some.iter().map(signal).collect::<anyhow::Result<Vec<_>>>()?;
            self.store.apply_signals(&signals).await.context("signals")?;
        }
        let mut ids = Vec::with_capacity(numbers.len());
        while ids.len() < numbers.len() {
            let due = self.store.claim_due(AT_ONCE).await.context("claims")?;
            ensure!(!due.is_empty(), "only {} of {} are due", ids.len(), numbers.len());
            ids.extend(due.into_iter().map(|due| due.notification_id));
        }
        ensure!(ids.len() == numbers.len(), "more notifications are due than were planned");
        Ok(ids)
    }

    /// From the first delivery at hand to the last one settled.
    async fn deliver(&self, ids: &[NotificationId]) -> anyhow::Result<Turn> {
        let (feed, settled) = feed(ids);
        let stop = CancellationToken::new();
        let meter = Meter::start();
        let running = tokio::spawn(Arc::clone(&self.courier).run(Box::new(feed), stop.clone()));
        settled.all_done().await?;
        let turn = meter.stop(ids.len() as u64);
        stop.cancel();
        running.await.context("the courier ended in a panic")?;
        Ok(turn)
    }

    async fn all_recorded(&self, count: u64) -> anyhow::Result<()> {
        let limit = usize::try_from(count)?.saturating_add(1);
        let accepted = Some(OutcomeKind::Accepted);
        let filter = AttemptFilter { outcome: accepted, limit, ..AttemptFilter::default() };
        let recorded = self.store.attempts(&filter).await.context("attempts")?.len();
        ensure!(recorded as u64 == count, "{recorded} of {count} attempts are on record");
        Ok(())
    }
}

async fn send_bare(
    sender: &Arc<EmailSender>,
    orders: Vec<MessageOrder>,
    concurrency: usize,
) -> anyhow::Result<Turn> {
    let count = orders.len() as u64;
    let (orders, next) = (Arc::new(orders), Arc::new(AtomicUsize::new(0)));
    let meter = Meter::start();
    let mut sending = JoinSet::new();
    for _ in 0..concurrency {
        let (sender, orders) = (Arc::clone(sender), Arc::clone(&orders));
        let next = Arc::clone(&next);
        sending.spawn(async move {
            while let Some(order) = orders.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent = sender.send(order).await;
                ensure!(sent.outcome == Outcome::Accepted, "an email ended in {:?}", sent.outcome);
            }
            Ok(())
        });
    }
    while let Some(ended) = sending.join_next().await {
        ended.context("a sender ended in a panic")??;
    }
    Ok(meter.stop(count))
}

/// The order that the courier would give for this number.
fn order(number: u64) -> anyhow::Result<MessageOrder> {
    let case_id = CaseId::opened_by(&event_id(number)?);
    let (step, contact) = (StepId::parse("first")?, ContactId::parse("user")?);
    let channel = Channel::Email;
    Ok(MessageOrder {
        notification_id: NotificationId::derive(case_id, &step, &contact, channel),
        case_id,
        kind: SignalKind::LoginRequired,
        reminder: false,
        address: Address::Email(person(number)?),
        locale: Some("en".to_owned()),
        name: Some("Jane".to_owned()),
        link: format!("https://relink.example.org/r/{}", "A".repeat(43)),
        valid_for: Duration::from_secs(24 * 60 * 60),
    })
}
