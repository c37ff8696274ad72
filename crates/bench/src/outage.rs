//! The receiver's answers while its broker is in trouble: at a steady rate, from a process of its
//! own, with a broker of its own that is killed, frozen, or short of memory meanwhile; and how
//! soon it publishes again once the broker is back.

use crate::measure::progress;
use crate::report::{Figure, Limit};
use crate::settings::{self, AMQP_VARIABLE, POSTGRES_VARIABLE};
use anyhow::ensure;
use relink_tests::{Channels, Ledger, Load, PrivateBroker, Rate, Sender, Servers, Setup, Stage};
use std::time::{Duration, Instant};

/// Well inside the 2 s that Cobalt waits for its second try.
const ANSWER_GOAL_MS: f64 = 600.0;
const PUBLISHING_GOAL_S: f64 = 12.0;

const SECONDS: u32 = 30;
const RATE: u32 = 200;

/// How long the spool may take to be empty once the broker is back.
const DRAIN_DEADLINE: Duration = Duration::from_secs(300);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds of load in each situation.
    #[arg(long, default_value_t = SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Events a second.
    #[arg(long, default_value_t = RATE, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

/// What a broker can be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    Healthy,
    Gone,
    Frozen,
    Blocked,
}

impl Situation {
    const ALL: [Self; 4] = [Self::Healthy, Self::Gone, Self::Frozen, Self::Blocked];

    fn name(self) -> &'static str {
        match self {
            Self::Healthy => "broker healthy",
            Self::Gone => "broker killed",
            Self::Frozen => "broker frozen",
            Self::Blocked => "broker blocked by its memory alarm",
        }
    }

    async fn begin(self, broker: &mut PrivateBroker) {
        match self {
            Self::Healthy => {}
            Self::Gone => broker.kill().await,
            Self::Frozen => broker.freeze(true),
            Self::Blocked => drop(broker.ctl(&["set_vm_memory_high_watermark", "0"]).await),
        }
    }

    /// Returns as soon as the broker is itself again.
    async fn end(self, broker: &mut PrivateBroker) {
        match self {
            Self::Healthy => {}
            Self::Gone => broker.restart().await,
            Self::Frozen => broker.freeze(false),
            Self::Blocked => drop(broker.ctl(&["set_vm_memory_high_watermark", "0.4"]).await),
        }
    }
}

/// Goes through all situations on one receiver.
pub(crate) async fn measure(options: &Options) -> anyhow::Result<Vec<Figure>> {
    for variable in [AMQP_VARIABLE, POSTGRES_VARIABLE] {
        if settings::server(variable).is_none() {
            return Ok(vec![Figure::without("answers during outages", variable)]);
        }
    }
    let mut broker = PrivateBroker::start().await;
    let servers = Servers { amqp: broker.url(), ..Servers::shared() };
    let setup = Setup { servers, accounts: 0, channels: Channels::Email };
    let stage = Stage::dark(setup).await.receiver_alone().await;
    let mut figures = Vec::new();
    for situation in Situation::ALL {
        figures.extend(during(situation, &mut broker, &stage, options).await?);
    }
    Ok(figures)
}

async fn during(
    situation: Situation,
    broker: &mut PrivateBroker,
    stage: &Stage,
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    progress(&format!("{}: {} s at {} events/s", situation.name(), options.seconds, options.rate));
    let sender = Sender::new(&format!("http://{}", stage.corner.receiver));
    let events = u64::from(options.rate) * u64::from(options.seconds);
    let rate = Rate { per_second: options.rate, at_most: usize::try_from(events)? };
    // The trouble begins under load, in its first moment.
    let load = Load::start(vec![sender], rate);
    situation.begin(broker).await;
    let ledger = load.finish().await;
    let mut figures = vec![answers(situation, &ledger)];
    if situation != Situation::Healthy {
        situation.end(broker).await;
        figures.push(recovery(situation, stage).await?);
    }
    Ok(figures)
}

fn answers(situation: Situation, ledger: &Ledger) -> Figure {
    let millis = |share| ledger.quantile(share).as_secs_f64() * 1e3;
    let name = format!("p99 of answers, {}", situation.name());
    let mut limit = Limit::new(name, millis(0.99), "ms", ANSWER_GOAL_MS);
    let events = ledger.events.len();
    limit.notes.push(format!("p50 {:.1} ms, longest {:.1} ms", millis(0.5), millis(1.0)));
    limit.notes.push(format!("{} of {events} events answered 2xx", ledger.acknowledged().len()));
    Figure::Limit(limit)
}

/// From now until the first event leaves the spool, and until the last has.
async fn recovery(situation: Situation, stage: &Stage) -> anyhow::Result<Figure> {
    let back = Instant::now();
    let mut first = None;
    let mut most = 0;
    loop {
        let pending = stage.gauge("relink_spool_pending").await.unwrap_or(most);
        let took = back.elapsed();
        most = most.max(pending);
        if pending < most || pending == 0 {
            first.get_or_insert(took);
        }
        if let Some(first) = first
            && pending == 0
        {
            let name = format!("publishing again, {}", situation.name());
            let goal = PUBLISHING_GOAL_S;
            let mut limit = Limit::new(name, first.as_secs_f64(), "s", goal);
            let drained = took.as_secs_f64();
            limit.notes.push(format!("{most} events in the spool, gone after {drained:.1} s"));
            return Ok(Figure::Limit(limit));
        }
        ensure!(took < DRAIN_DEADLINE, "{pending} events are still spooled after {took:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
