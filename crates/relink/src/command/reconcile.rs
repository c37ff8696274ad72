//! `relink reconcile`: asks Cobalt now for events that no webhook brought.

use crate::args::{Common, Format, Reconcile};
use crate::failure::Failure;
use crate::{output, parts, work};
use indicatif::{ProgressBar, ProgressStyle};
use prometheus_client::metrics::histogram::Histogram;
use relink_config::parse_duration;
use relink_core::Timestamp;
use relink_core::time::earlier;
use relink_worker::reconcile::{Tally, Wish};
use std::time::Duration;

/// Between two looks for the turn that another worker has.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long a running round of a worker is waited for.
const PATIENCE: Duration = Duration::from_secs(150);

pub(crate) async fn run(common: &Common, what: Reconcile) -> Result<(), Failure> {
    let since = what.since.as_deref().map(|text| moment(text, Timestamp::now())).transpose()?;
    let wish = Wish { since, dry_run: what.dry_run };
    let config = parts::config(common)?;
    let store = parts::checked_store(&config).await?;
    let metrics = relink_worker::Metrics::register(&mut Default::default(), Histogram::new([]));
    let events = parts::cobalt_client(&config)?;
    let reconciler = work::reconciler(&config, events, &store, &metrics);
    let mut progress = reconciler.progress.subscribe();
    let bar = spinner();
    let showing = async {
        while progress.changed().await.is_ok() {
            bar.set_message(so_far(&progress.borrow_and_update()));
        }
        std::future::pending::<()>().await;
    };
    let round = async {
        let waiting_since = std::time::Instant::now();
        loop {
            match reconciler.round(&wish).await? {
                Some(tally) => return Ok(tally),
                None if waiting_since.elapsed() > PATIENCE => {
                    return Err(Failure::failed(
                        "a worker is comparing with Cobalt's list just now and does not come to an end; nothing was done",
                    ));
                }
                None => {
                    bar.set_message("waiting for a worker that is at it");
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    };
    let tally = tokio::select! {
        tally = round => tally,
        () = showing => return Err(Failure::failed("the progress bar ended before the work")),
    };
    bar.finish_and_clear();
    let tally = tally?;
    match common.output {
        Format::Json => output::json(&tally)?,
        Format::Table => say(&tally, wish.dry_run)?,
    }
    if tally.is_complete() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{} accounts could not be asked about and {} events could not be applied: run it again",
        tally.accounts_failed + tally.accounts_refused,
        tally.refused
    )))
}

/// Hidden by itself where standard error is not a terminal.
fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn so_far(tally: &Tally) -> String {
    let Tally { pages, seen, found, accounts, .. } = tally;
    match accounts {
        0 => format!("{pages} pages, {seen} events, {found} missed"),
        _ => format!("{accounts} accounts, {pages} pages, {seen} events, {found} missed"),
    }
}

fn say(tally: &Tally, dry_run: bool) -> Result<(), Failure> {
    let found = match dry_run {
        true => "missed, would be applied",
        false => "missed, applied now",
    };
    let lines = [
        ("events listed", tally.seen, true),
        ("of our kinds", tally.ours, true),
        ("on record already", tally.known, true),
        (found, tally.found, true),
        ("of these, older than the account's last repair", tally.stale, false),
        ("left to their webhooks, being younger than two minutes", tally.waiting, false),
        ("listed more than once", tally.repeated, false),
        ("not applied: another event on record has that id", tally.contradicting, false),
        ("not applied: the store refused", tally.refused, false),
        ("not readable", tally.unreadable, false),
        ("accounts asked about one by one", tally.accounts, false),
        ("of these, with a broken login", tally.accounts_broken, false),
        ("of these, refused by Cobalt for good", tally.accounts_refused, false),
        ("of these, without an answer", tally.accounts_failed, false),
        (
            "accounts and events that fail again and again, and are not waited for",
            tally.set_aside,
            false,
        ),
    ];
    let worth_a_line = |(_, number, always): &(&str, u64, bool)| *always || *number > 0;
    for (what, number, _) in lines.into_iter().filter(worth_a_line) {
        output::line(&format!("{number:>7}  {what}"))?;
    }
    Ok(())
}

/// A day, a moment, or how long ago.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let at = match parse_duration(text) {
        Some(ago) => Some(earlier(now, ago)),
        None => text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).ok(),
    };
    at.filter(|at| *at <= now).ok_or_else(|| {
        Failure::usage(format!(
            "--since {}: is not a day or moment of the past; write a day such as 2026-11-20, a moment such as 2026-11-20T08:00:00Z, or how long ago such as 24h",
            output::visible(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn since_is_a_day_a_moment_or_how_long_ago() {
        let now: Timestamp = "2025-11-21T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2025-11-20", "2025-11-20T00:00:00Z"),
            ("2025-11-20T08:00:00-07:00", "2025-11-20T15:00:00Z"),
            ("1d", "2025-11-20T12:00:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap(), expected.parse().unwrap());
        }
        for text in ["", "yesterday", "2025-13-01", "2025-11-22", "24"] {
            assert!(moment(text, now).is_err(), "{text}");
        }
    }
}
