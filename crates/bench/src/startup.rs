//! How long the program takes until it says that it runs, and what it keeps in memory when it
//! has nothing to do: everything in one process, and each role on its servers.

use crate::broker::Corner;
use crate::database::Database;
use crate::measure::{median, progress};
use crate::program::Program;
use crate::report::{Figure, Limit};
use crate::settings::{self, AMQP_VARIABLE, POSTGRES_VARIABLE};
use crate::workplace::Workplace;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const START_GOAL_MS: f64 = 200.0;
const MEMORY_GOAL_MB: f64 = 40.0;
const STARTS: u64 = 11;
const IDLE_SECONDS: u64 = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Starts after the first, of which the median counts.
    #[arg(long, default_value_t = STARTS, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Seconds that a process has nothing to do before its memory is read.
    #[arg(long, default_value_t = IDLE_SECONDS)]
    idle: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { count: STARTS, idle: IDLE_SECONDS }
    }
}

/// Starts everything and looks.
pub(crate) async fn measure(
    workplace: &Workplace,
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    let folder = workplace.fresh("program")?;
    let config = write_config(folder.path(), "alone", "")?;
    let (starts, idle) = (options.count, Duration::from_secs(options.idle));
    let mut figures = blocking(move || alone(&config, starts, idle)).await?;
    match (settings::server(AMQP_VARIABLE), settings::server(POSTGRES_VARIABLE)) {
        (Some(amqp), Some(postgres)) => {
            let corner = Corner::undeclared(&amqp).await?;
            let database = Database::create(&postgres).await?;
            let engines = settings::servers(&amqp, &corner.prefix, &database.url);
            let config = write_config(folder.path(), "fleet", &engines)?;
            figures.extend(blocking(move || fleet(&config, idle)).await?);
            database.remove().await?;
            corner.remove().await?;
        }
        (None, _) => figures.push(Figure::without("roles on servers", AMQP_VARIABLE)),
        (Some(_), None) => figures.push(Figure::without("roles on servers", POSTGRES_VARIABLE)),
    }
    Ok(figures)
}

/// All roles in one process: the first start, which makes keys and schema, and later ones.
fn alone(config: &Path, starts: u64, idle: Duration) -> anyhow::Result<Vec<Figure>> {
    let (program, first) = Program::start(config, &["run"])?;
    std::thread::sleep(idle);
    let resident = program.resident()?;
    program.stop()?;
    let mut later = Vec::new();
    for _ in 0..starts {
        let (program, took) = Program::start(config, &["run"])?;
        program.stop()?;
        later.push(millis(took));
    }
    let slowest = later.iter().copied().fold(0.0, f64::max);
    let mut start = Limit::new(
        "start of `run`",
        median(later).context("no start was timed")?,
        "ms",
        START_GOAL_MS,
    );
    start.notes.push(format!("median of {starts}; the slowest took {slowest:.0} ms"));
    Ok(vec![
        Figure::Limit(Limit::new(
            "first start of `run`, makes keys and schema",
            millis(first),
            "ms",
            START_GOAL_MS,
        )),
        Figure::Limit(start),
        memory("run", resident),
    ])
}

/// Each role in a process of its own.
fn fleet(config: &Path, idle: Duration) -> anyhow::Result<Vec<Figure>> {
    Program::to_end(config, &["migrate"])?;
    let mut figures = Vec::new();
    for role in ["receive", "work", "web"] {
        let (program, took) = Program::start(config, &[role])?;
        std::thread::sleep(idle);
        let resident = program.resident()?;
        program.stop()?;
        let name = format!("start of `{role}`");
        figures.push(Figure::Limit(Limit::new(name, millis(took), "ms", START_GOAL_MS)));
        figures.push(memory(role, resident));
        progress(&format!("{role}: {:.0} ms", millis(took)));
    }
    Ok(figures)
}

fn memory(role: &str, bytes: u64) -> Figure {
    let name = format!("idle memory of `{role}`");
    Figure::Limit(Limit::new(name, bytes as f64 / 1e6, "MB", MEMORY_GOAL_MB))
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// The relay's port is one that nothing listens on: nothing is sent here.
fn write_config(folder: &Path, name: &str, engines: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("{name}.toml"));
    let data_dir = std::path::absolute(folder.join(name))?;
    std::fs::write(&path, settings::text(&data_dir, 9, engines))
        .with_context(|| path.display().to_string())?;
    Ok(path)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a measurement ended in a panic")?
}
