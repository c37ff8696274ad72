//! How soon the page behind a link begins to come, over a store full of open cases: from the last byte
//! of the request to the first of the answer, on one connection that is kept, as behind a proxy.

use crate::broker::Corner;
use crate::database::Database;
use crate::measure::progress;
use crate::people::{account, signal};
use crate::program::Program;
use crate::report::{Figure, Limit};
use crate::settings::{self, AMQP_VARIABLE, POSTGRES_VARIABLE};
use crate::workplace::Workplace;
use anyhow::{Context as _, bail, ensure};
use relink_config::Config;
use relink_core::Timestamp;
use relink_core::account::Channel;
use relink_core::id::{CaseId, ContactId, NotificationId, StepId, WorkerId};
use relink_core::time::after;
use relink_store::{Begin, BeginRequest, Clock, Store};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const GOAL_MS: f64 = 20.0;

/// Open cases in the store.
const CASES: u64 = 1_000_000;

/// Links that are opened, spread over all cases.
const LINKS: u64 = 500;

/// How often each of them is opened.
const ROUNDS: u32 = 4;

/// Accounts or signals in one call while everything is prepared.
const AT_ONCE: usize = 1_000;

/// So far ahead is the clock that everything is prepared by, so that nothing is due meanwhile.
const AHEAD: Duration = Duration::from_secs(3 * 3_600);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Open cases in the store.
    #[arg(long, default_value_t = CASES, value_parser = clap::value_parser!(u64).range(LINKS..))]
    cases: u64,
}

/// Fills each store and opens links over it.
pub(crate) async fn measure(
    workplace: &Workplace,
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    let cases = options.cases;
    let mut figures = pages(workplace, &["run"], cases, "SQLite", "").await?;
    match (settings::server(AMQP_VARIABLE), settings::server(POSTGRES_VARIABLE)) {
        (Some(amqp), Some(postgres)) => {
            let corner = Corner::undeclared(&amqp).await?;
            let database = Database::create(&postgres).await?;
            let engines = settings::servers(&amqp, &corner.prefix, &database.url);
            figures.extend(pages(workplace, &["web"], cases, "PostgreSQL", &engines).await?);
            database.remove().await?;
            corner.remove().await?;
        }
        (None, _) => figures.push(Figure::without("pages over servers", AMQP_VARIABLE)),
        (Some(_), None) => figures.push(Figure::without("pages over servers", POSTGRES_VARIABLE)),
    }
    Ok(figures)
}

async fn pages(
    workplace: &Workplace,
    role: &'static [&'static str],
    cases: u64,
    store: &str,
    engines: &str,
) -> anyhow::Result<Vec<Figure>> {
    let folder = workplace.fresh("page")?;
    let data_dir = std::path::absolute(folder.path())?;
    let web = free_port()?;
    let text = settings::text(&data_dir, 9, engines);
    let text =
        text.replace("[web]\nlisten = \"127.0.0.1:0\"", &format!("[web]\nlisten = \"{web}\""));
    let path = folder.path().join("relink.toml");
    std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
    let links = fill(&settings::parse(&text)?, cases, store).await?;

    let config = path.clone();
    let (program, _) = tokio::task::spawn_blocking(move || Program::start(&config, role)).await??;
    let mut waits = Vec::new();
    let mut connection = TcpStream::connect(web).await.context("the web role")?;
    connection.set_nodelay(true)?;
    for round in 0..=ROUNDS {
        for link in &links {
            let wait = first_byte(&mut connection, link).await?;
            // The first round warms up.
            if round > 0 {
                waits.push(wait.as_secs_f64() * 1e3);
            }
        }
    }
    tokio::task::spawn_blocking(move || program.stop()).await??;
    waits.sort_by(f64::total_cmp);
    let figure = |what: &str, share: f64| {
        let name = format!("page: first byte, {what}, {cases} open cases in {store}");
        Figure::Limit(Limit::new(name, at_share(&waits, share), "ms", GOAL_MS))
    };
    Ok(vec![figure("median", 0.5), figure("p99", 0.99)])
}

/// Opens one case for each number, and sends the message of some; answers the paths of their links.
async fn fill(config: &Config, cases: u64, name: &str) -> anyhow::Result<Vec<String>> {
    let ahead = after(Timestamp::now(), AHEAD);
    let clock = Clock::Manual(Arc::new(AtomicI64::new(ahead.as_millisecond())));
    let keys = settings::keys(config)?;
    let rules = Arc::new(config.rules());
    let store = relink_store::open(&config.store, rules, keys, clock).await?;
    store.migrate().await?;
    let numbers: Vec<u64> = (0..cases).collect();
    let every = usize::try_from(cases / LINKS)?;
    let mut links = Vec::new();
    for some in numbers.chunks(AT_ONCE) {
        let accounts = some.iter().map(account).collect::<anyhow::Result<Vec<_>>>()?;
        store.put_accounts(&accounts).await.context("accounts")?;
        let signals = some.iter().map(signal).collect::<anyhow::Result<Vec<_>>>()?;
        let applied = store.apply_signals(&signals).await.context("signals")?;
        for (number, applied) in some.iter().zip(applied) {
            if usize::try_from(*number)? % every == 0 {
                let case = applied.case_id.context("no case was opened")?;
                links.push(link_of(store.as_ref(), case).await?);
            }
        }
        progress(&format!("page: {} of {cases} cases in {name}", some.last().unwrap_or(&0)));
    }
    Ok(links)
}

/// Begins the first message of a case, which makes its link.
async fn link_of(store: &dyn Store, case: CaseId) -> anyhow::Result<String> {
    let (step, contact) = (StepId::parse("first")?, ContactId::parse("user")?);
    let request = BeginRequest {
        notification_id: NotificationId::derive(case, &step, &contact, Channel::Email),
        worker: WorkerId::parse("bench")?,
        lease: AHEAD,
    };
    match store.begin(&[request]).await?.pop() {
        Some(Begin::Send(attempt)) => Ok(attempt.link.url("")),
        other => bail!("a message was not begun: {other:?}"),
    }
}

/// Asks for the page and waits for the first byte; takes the rest in without counting it.
async fn first_byte(connection: &mut TcpStream, path: &str) -> anyhow::Result<Duration> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: relink.example.org\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let asked = Instant::now();
    let mut answer = Vec::new();
    connection.read_buf(&mut answer).await?;
    let wait = asked.elapsed();
    while !is_whole(&answer)? {
        ensure!(connection.read_buf(&mut answer).await? > 0, "the answer broke off");
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "a link did not lead to its page");
    Ok(wait)
}

/// Whether the answer is there to its end, which its `content-length` says.
fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    let (lines, body) = answer.split_at(head + 4);
    let lines = std::str::from_utf8(lines)?.to_ascii_lowercase();
    let length = lines.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("an answer without a length")?.trim().parse()?;
    Ok(body.len() >= length)
}

/// The value that this share of the sorted `values` does not exceed.
fn at_share(values: &[f64], share: f64) -> f64 {
    let last = values.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list that fits in memory"
    )]
    let place = (last as f64 * share).ceil() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_values_is_at_or_below_it() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(at_share(&values, 0.5), 51.0);
        assert_eq!(at_share(&values, 1.0), 100.0);
        assert_eq!(at_share(&values, 0.0), 1.0);
        assert!(at_share(&[], 0.5).is_nan());
    }

    #[test]
    fn an_answer_is_whole_once_all_of_its_body_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        for cut in 0..answer.len() {
            assert!(!is_whole(&answer[..cut]).unwrap(), "{cut}");
        }
        assert!(is_whole(answer).unwrap());
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
