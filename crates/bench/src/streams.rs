//! The in-app feed with many open pages: real streams over loopback to the program itself, one user
//! each. What the process keeps in memory for them, and how long a change takes to reach them all.

use crate::measure::progress;
use crate::people::{account, signal};
use crate::program::Program;
use crate::report::{Figure, Limit};
use crate::settings;
use crate::workplace::Workplace;
use anyhow::{Context as _, ensure};
use relink_config::Config;
use relink_store::{Clock, Store};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const MEMORY_GOAL_MB: f64 = 200.0;

/// The second between two looks, and one more.
const DELIVERY_GOAL_MS: f64 = 2_000.0;

/// Pages open at once.
const STREAMS: u64 = 5_000;

/// Streams opened at once, accounts or signals in one call.
const AT_ONCE: usize = 250;

/// How long anything here may take.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Pages open at once, one user each.
    #[arg(long, default_value_t = STREAMS, value_parser = clap::value_parser!(u64).range(1..=9_000))]
    streams: u64,
}

/// Opens them all and breaks every user's login.
pub(crate) async fn measure(
    workplace: &Workplace,
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    let folder = workplace.fresh("streams")?;
    allow_files(options.streams + 500)?;
    let (text, address) = configured(&std::path::absolute(folder.path())?)?;
    let path = folder.path().join("relink.toml");
    std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
    let store = open(&settings::parse(&text)?).await?;
    store.migrate().await?;
    let numbers: Vec<u64> = (0..options.streams).collect();
    for some in numbers.chunks(AT_ONCE) {
        let accounts = some.iter().map(account).collect::<anyhow::Result<Vec<_>>>()?;
        store.put_accounts(&accounts).await.context("accounts")?;
    }
    let program = tokio::task::spawn_blocking(move || Program::start(&path, &["web"]));
    let (program, _) = program.await??;
    let idle = program.resident()?;

    let mut streams = Vec::with_capacity(numbers.len());
    for some in numbers.chunks(AT_ONCE) {
        streams.extend(all(some.iter().map(|number| listen(address, *number))).await?);
        progress(&format!("streams: {} of {}", streams.len(), numbers.len()));
    }
    let open = program.resident()?;

    let signals = numbers.iter().map(signal).collect::<anyhow::Result<Vec<_>>>()?;
    for some in signals.chunks(AT_ONCE) {
        store.apply_signals(some).await.context("signals")?;
    }
    let broken = Instant::now();
    let streams = all(streams.into_iter().map(|stream| hear(stream, "\"announce\":true"))).await?;
    let took = broken.elapsed();
    let told = program.resident()?;
    tokio::task::spawn_blocking(move || program.stop()).await??;
    drop(streams);
    let count = numbers.len();
    let mut memory = limit(&format!("memory with {count} open streams"), open, "MB");
    memory.notes.push(format!(
        "{:.0} MB before the first, {:.0} MB after a change to each; {:.1} kB a stream",
        megabytes(idle),
        megabytes(told),
        megabytes(told.saturating_sub(idle)) * 1e3 / count as f64
    ));
    let name = format!("a change to each of {count} streams, until the last has it");
    let delivery = Limit::new(name, took.as_secs_f64() * 1e3, "ms", DELIVERY_GOAL_MS);
    Ok(vec![Figure::Limit(memory), Figure::Limit(delivery)])
}

fn limit(name: &str, bytes: u64, unit: &'static str) -> Limit {
    Limit::new(name, megabytes(bytes), unit, MEMORY_GOAL_MB)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The web role on a port that is free just now, since it is connected to from here.
fn configured(data_dir: &std::path::Path) -> anyhow::Result<(String, SocketAddr)> {
    const ANY: &str = "[web]\nlisten = \"127.0.0.1:0\"";
    let address = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let text = settings::text(data_dir, 9, "");
    ensure!(text.contains(ANY), "the configuration has no [web] to give a port");
    let web = format!("[web]\nmax_connections = 16384\nlisten = \"{address}\"");
    Ok((text.replace(ANY, &web), address))
}

async fn open(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let keys = settings::keys(config)?;
    let rules = Arc::new(config.rules());
    Ok(relink_store::open(&config.store, rules, keys, Clock::System).await?)
}

/// A page that has been told that nothing is open.
async fn listen(address: SocketAddr, number: u64) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await.context("no connection")?;
    let request = format!(
        "GET /v1/users/user_{number}/cases/stream HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer benchmark-key-0123456789\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    hear(stream, "\"cases\":[]").await
}

/// Reads on until `text` has come.
async fn hear(mut stream: TcpStream, text: &'static str) -> anyhow::Result<TcpStream> {
    let reading = async {
        let (mut heard, mut space) = (String::new(), [0; 2048]);
        while !heard.contains(text) {
            let read = stream.read(&mut space).await?;
            ensure!(read > 0, "a stream ended; it said: {heard}");
            heard.push_str(&String::from_utf8_lossy(space.get(..read).unwrap_or(&[])));
        }
        Ok(stream)
    };
    tokio::time::timeout(DEADLINE, reading).await.context("a stream says nothing")?
}

/// Does them all at once.
async fn all<T: Send + 'static>(
    tasks: impl Iterator<Item = impl Future<Output = anyhow::Result<T>> + Send + 'static>,
) -> anyhow::Result<Vec<T>> {
    let mut set: JoinSet<anyhow::Result<T>> = tasks.collect();
    let mut done = Vec::with_capacity(set.len());
    while let Some(one) = set.join_next().await {
        done.push(one.context("a reader ended in a panic")??);
    }
    Ok(done)
}

/// Lets this process, and with it the one it starts, have that many files open.
fn allow_files(count: u64) -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        limit.current = Some(count);
        setrlimit(Resource::Nofile, limit)
            .with_context(|| format!("this machine does not allow {count} open files"))?;
    }
    Ok(())
}
