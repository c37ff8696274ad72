//! How long a worker takes that starts over a store full of open work: until it says that it
//! runs, and until the one notification that is due among them all has been handed to the relay.

use crate::broker::Corner;
use crate::database::Database;
use crate::measure::progress;
use crate::people::{account, signal};
use crate::program::Program;
use crate::relay::Relay;
use crate::report::{Figure, Limit};
use crate::settings::{self, AMQP_VARIABLE, POSTGRES_VARIABLE};
use crate::workplace::Workplace;
use anyhow::{Context as _, ensure};
use relink_config::Config;
use relink_core::Timestamp;
use relink_core::time::after;
use relink_store::{Clock, Store};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

const GOAL_MS: f64 = 2_000.0;

/// Open rows in the store.
const ROWS: u64 = 1_000_000;

/// Notifications that one case has here: a step now, and one for each of the hours after it.
const STEPS: u64 = 10;

/// Accounts or signals in one call while everything is prepared.
const AT_ONCE: usize = 1_000;

/// How long the due notification may take.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Planned notifications in the store, ten to a case.
    #[arg(long, default_value_t = ROWS, value_parser = clap::value_parser!(u64).range(STEPS..))]
    rows: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { rows: ROWS }
    }
}

/// Fills each store and starts the program over it.
pub(crate) async fn measure(
    workplace: &Workplace,
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    let cases = options.rows / STEPS;
    let mut figures = restart(workplace, &["run"], cases, "SQLite", "").await?;
    match (settings::server(AMQP_VARIABLE), settings::server(POSTGRES_VARIABLE)) {
        (Some(amqp), Some(postgres)) => {
            let corner = Corner::undeclared(&amqp).await?;
            let database = Database::create(&postgres).await?;
            let engines = settings::servers(&amqp, &corner.prefix, &database.url);
            figures.extend(restart(workplace, &["work"], cases, "PostgreSQL", &engines).await?);
            database.remove().await?;
            corner.remove().await?;
        }
        (None, _) => figures.push(Figure::without("restart on servers", AMQP_VARIABLE)),
        (Some(_), None) => figures.push(Figure::without("restart on servers", POSTGRES_VARIABLE)),
    }
    Ok(figures)
}

async fn restart(
    workplace: &Workplace,
    role: &'static [&'static str],
    cases: u64,
    store: &str,
    engines: &str,
) -> anyhow::Result<Vec<Figure>> {
    let folder = workplace.fresh("restart")?;
    let relay = Relay::start(Duration::ZERO).await?;
    let data_dir = std::path::absolute(folder.path())?;
    let text = settings::text(&data_dir, relay.address.port(), &(later_steps() + engines));
    let path = folder.path().join("relink.toml");
    std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
    fill(&settings::parse(&text)?, cases, store).await?;

    let begun = Instant::now();
    let config = path.clone();
    let (program, running) =
        tokio::task::spawn_blocking(move || Program::start(&config, role)).await??;
    while relay.taken() == 0 {
        ensure!(begun.elapsed() < DEADLINE, "what was due was not sent in {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let sent = begun.elapsed();
    tokio::task::spawn_blocking(move || program.stop()).await??;
    ensure!(relay.taken() == 1, "{} emails were sent, one was due", relay.taken());
    let rows = cases * STEPS;
    let figure = |what: &str, took: Duration| {
        let name = format!("{what}, {rows} open rows in {store}");
        Figure::Limit(Limit::new(name, took.as_secs_f64() * 1e3, "ms", GOAL_MS))
    };
    Ok(vec![figure("restart until it runs", running), figure("restart until it sends", sent)])
}

/// Cases whose every step lies ahead, and a last one whose first step is due.
async fn fill(config: &Config, cases: u64, name: &str) -> anyhow::Result<()> {
    let ahead = after(Timestamp::now(), Duration::from_secs(3_600));
    let ahead = Clock::Manual(Arc::new(AtomicI64::new(ahead.as_millisecond())));
    let store = open(config, ahead).await?;
    store.migrate().await?;
    let numbers: Vec<u64> = (1..cases).collect();
    for some in numbers.chunks(AT_ONCE) {
        put(store.as_ref(), some).await?;
        progress(&format!("restart: {} of {cases} cases in {name}", some.last().unwrap_or(&0)));
    }
    drop(store);
    put(open(config, Clock::System).await?.as_ref(), &[0]).await
}

async fn open(config: &Config, clock: Clock) -> anyhow::Result<Arc<dyn Store>> {
    let keys = settings::keys(config)?;
    Ok(relink_store::open(&config.store, Arc::new(config.rules()), keys, clock).await?)
}

async fn put(store: &dyn Store, numbers: &[u64]) -> anyhow::Result<()> {
    let accounts = numbers.iter().map(account).collect::<anyhow::Result<Vec<_>>>()?;
    store.put_accounts(&accounts).await.context("accounts")?;
    let signals = numbers.iter().map(signal).collect::<anyhow::Result<Vec<_>>>()?;
    store.apply_signals(&signals).await.context("signals")?;
    Ok(())
}

/// One step for each hour after the first.
fn later_steps() -> String {
    let mut steps = String::new();
    for hour in 1..STEPS {
        // Writing to a string does not fail.
        let _ = write!(
            steps,
            "[[policy.steps]]\nid = \"later-{hour}\"\nat = \"{hour}h\"\nto = \"user\"\nchannels = [\"email\"]\n"
        );
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_case_has_as_many_steps_as_are_counted() {
        let text = settings::text(Path::new("/nowhere"), 25, &later_steps());
        let config = settings::parse(&text).unwrap();
        assert_eq!(config.rules().policy.steps.len() as u64, STEPS);
    }
}
