//! Speed as ratios: each figure sets Relink beside the bare thing it is built on, both measured
//! in turns in one run, so that a slow or busy machine slows both. Says what the machine was
//! like, and compares with the goals.
//!
//! A benchmark and not a test: a missed goal is printed, not an error; only what could not be
//! measured is. Speaks to loopback and to the servers it is given, and to nothing else.

mod machine;
mod measure;
mod report;
mod settings;
mod workplace;

mod http_load;
mod receiver;
mod sink_queue;

mod broker;
mod drain;

mod database;
mod email;
mod feed;
mod people;
mod relay;

mod outage;
mod page;

mod program;
mod restart;
mod startup;
mod streams;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use machine::Machine;
use report::{Figure, Report};
use std::path::PathBuf;
use workplace::Workplace;

/// Measures Relink against the bare libraries it is built on.
///
/// RELINK_TEST_AMQP_URL names a RabbitMQ and RELINK_TEST_POSTGRES_URL a PostgreSQL (a user who
/// may create databases); `scripts/test -- target/release/relink-bench all` starts private ones.
#[derive(Debug, Parser)]
#[command(name = "relink-bench", version, max_term_width = 100)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    what: What,
}

/// What every measurement understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Prints JSON in place of a table.
    #[arg(long, global = true)]
    json: bool,
    /// Where spools and databases are made; on the disk that shall be measured [default: target,
    /// else the system's folder for temporary files]
    #[arg(long, global = true, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Rounds that count; one more goes before them. Each has one turn of ours and one of the
    /// bare one.
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// What is logged, to /dev/null, while it is measured: levels as in `[log] filter`.
    #[arg(long, global = true, default_value = "info", value_name = "FILTER")]
    log: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The receiver against the same HTTP server answering 202 and doing nothing else.
    Receiver(receiver::Options),
    /// A full spool drained into RabbitMQ against a bare publishing loop.
    Drain(drain::Options),
    /// Recorded emails against the same sender without recording.
    Email(email::Options),
    /// Start-up time and idle memory of the program beside this one.
    Startup(startup::Options),
    /// A start over a store with a million open rows.
    Restart(restart::Options),
    /// The in-app feed with thousands of open pages.
    Streams(streams::Options),
    /// The receiver's answers while its broker is killed, frozen or blocked: two to three minutes.
    Outage(outage::Options),
    /// The first byte of the page behind a link, over a million open cases: some ten minutes.
    Page(page::Options),
    /// All of them but `outage`, `page` and `streams`, each with its defaults.
    All,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    start_logging(&args.common.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")?;
    let report = runtime.block_on(run(&args))?;
    if args.common.json { report.print_json() } else { report.print_table() }
}

async fn run(args: &Args) -> anyhow::Result<Report> {
    let workplace = Workplace::new(&args.common)?;
    let before = Machine::look(workplace.folder())?;
    let figures = match &args.what {
        What::Receiver(options) => receiver::measure(&workplace, options).await?,
        What::Drain(options) => drain::measure(&workplace, options).await?,
        What::Email(options) => email::measure(&workplace, options).await?,
        What::Startup(options) => startup::measure(&workplace, options).await?,
        What::Restart(options) => restart::measure(&workplace, options).await?,
        What::Streams(options) => streams::measure(&workplace, options).await?,
        What::Outage(options) => outage::measure(options).await?,
        What::Page(options) => page::measure(&workplace, options).await?,
        What::All => all(&workplace).await?,
    };
    Ok(Report::new(before, machine::load()?, figures))
}

async fn all(workplace: &Workplace) -> anyhow::Result<Vec<Figure>> {
    let mut figures = receiver::measure(workplace, &receiver::Options::default()).await?;
    figures.extend(drain::measure(workplace, &drain::Options::default()).await?);
    figures.extend(email::measure(workplace, &email::Options::default()).await?);
    figures.extend(startup::measure(workplace, &startup::Options::default()).await?);
    figures.extend(restart::measure(workplace, &restart::Options::default()).await?);
    Ok(figures)
}

/// Logs as the program does, at the program's level, but to where nothing is kept: writing a
/// line is part of what is measured, a terminal that scrolls is not.
fn start_logging(filter: &str) -> anyhow::Result<()> {
    use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let filter = EnvFilter::try_new(filter).context("--log is not a filter such as \"info\"")?;
    let never =
        Targets::new().with_default(LevelFilter::TRACE).with_target("lapin", LevelFilter::ERROR);
    let nowhere = std::fs::File::options().write(true).open("/dev/null").context("/dev/null")?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::sync::Arc::new(nowhere))
        .with_ansi(false)
        .with_target(false);
    tracing_subscriber::registry().with(filter).with(never).with(lines).try_init()?;
    Ok(())
}
