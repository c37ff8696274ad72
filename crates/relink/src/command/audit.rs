//! `relink audit`: do the promises hold, as far as spool, queue and store can show? Reads only,
//! takes no lock of a running process, and says of each invariant whether it holds, does not, or
//! could not be looked at. What each line means is in docs/audit.md.

use crate::args::{Audit, Common, Format};
use crate::command::audit_parts::{self, Backlog, Part};
use crate::failure::Failure;
use crate::{output, parts};
use relink_config::Config;
use relink_core::operator_log::Head;
use relink_store::{AuditRequest, Audited, Found};
use serde::Serialize;

/// Each invariant and what it says. The last three show only while the system runs.
const INVARIANTS: [(&str, &str); 11] = [
    ("I1", "every applied signal and every notification of a closed case has one recorded end"),
    ("I3", "no notification was accepted more often than once and once more for each doubt"),
    ("I4", "every outcome has its intent before it, and everything sent was accepted"),
    ("I6", "attempts and the operator log only grow, and the chain of the log holds"),
    ("I7", "nothing was begun after its case closed or expired, or after it was called off"),
    ("I9", "spool and queue are below their limits"),
    ("I10", "nothing waits without anybody at it"),
    ("I11", "the customer's app is told of one fact in one event, and of nothing but facts"),
    ("I2", "no 2xx without a record on the disk or a confirm"),
    ("I5", "every webhook is answered in time, or refused"),
    ("I8", "no token, address or message text where it does not belong"),
];

/// Where the last three are shown.
const ELSEWHERE: &str = "not from here: the fault tests show it";

/// How an invariant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Failed,
    NotChecked,
    Elsewhere,
}

/// One invariant.
#[derive(Debug, Serialize)]
struct Line {
    id: &'static str,
    says: &'static str,
    result: Verdict,
    /// Why it was not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    looked_at: u64,
    violating: u64,
    checks: Vec<Check>,
}

/// One of the checks of an invariant.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) looked_at: u64,
    pub(crate) violating: u64,
    pub(crate) examples: Vec<String>,
}

impl From<Found> for Check {
    fn from(found: Found) -> Self {
        Self {
            name: found.check.as_str().to_owned(),
            looked_at: found.looked_at,
            violating: found.violating,
            examples: found.examples,
        }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    /// The store's time.
    at: Option<String>,
    invariants: Vec<Line>,
    counts: Counts,
    operator_log: Option<Head>,
}

/// Where everything that was accepted is now.
#[derive(Debug, Default, Serialize)]
struct Counts {
    #[serde(flatten)]
    backlog: Backlog,
    applied: Option<u64>,
    cases_open: Option<u64>,
    dead_notifications: Option<u64>,
    sends_after_repair: Option<u64>,
}

/// What could be read of the store.
struct Store {
    audited: Audited,
    dead: u64,
    sends_after_repair: u64,
}

pub(crate) async fn run(common: &Common, what: &Audit) -> Result<(), Failure> {
    let config = parts::config(common)?;
    let known_head = what.head.as_deref().map(str::parse).transpose()?;
    let request = AuditRequest { examples: usize::from(what.examples), known_head };
    let store = store(&config, &request).await;
    let spool = audit_parts::spool(&config).await;
    let queue = audit_parts::queue(&config).await;
    let report = report(&store, &spool, &queue);
    match common.output {
        Format::Json => output::json(&report)?,
        Format::Table => print(&report)?,
    }
    verdict(&report, [store.err(), spool.fault, queue.fault])
}

async fn store(config: &Config, request: &AuditRequest) -> Result<Store, Failure> {
    let store = parts::checked_store(config).await?;
    let audited = store.audit(request).await?;
    let stats = store.stats().await?;
    Ok(Store { audited, dead: stats.dead, sends_after_repair: stats.sends_after_repair })
}

fn report(store: &Result<Store, Failure>, spool: &Part, queue: &Part) -> Report {
    let lines = INVARIANTS.map(|(id, says)| match (id, store) {
        ("I2" | "I5" | "I8", _) => not_here(id, says, Verdict::Elsewhere, ELSEWHERE),
        ("I9", _) => sizes(id, says, spool, queue),
        (_, Ok(store)) => {
            let mine = store.audited.found.iter().filter(|found| found.check.invariant() == id);
            line(id, says, mine.cloned().map(Check::from).collect())
        }
        (_, Err(failure)) => not_here(id, says, Verdict::NotChecked, failure.message()),
    });
    let store = store.as_ref().ok();
    Report {
        at: store.map(|store| store.audited.at.to_string()),
        invariants: lines.into(),
        counts: Counts {
            backlog: Backlog::of(spool, queue),
            applied: store.map(|store| store.audited.applied),
            cases_open: store.map(|store| store.audited.cases_open),
            dead_notifications: store.map(|store| store.dead),
            sends_after_repair: store.map(|store| store.sends_after_repair),
        },
        operator_log: store.map(|store| store.audited.head.clone()),
    }
}

fn line(id: &'static str, says: &'static str, checks: Vec<Check>) -> Line {
    let violating = checks.iter().map(|check| check.violating).sum();
    let result = if violating == 0 { Verdict::Ok } else { Verdict::Failed };
    let looked_at = checks.iter().map(|check| check.looked_at).sum();
    Line { id, says, result, why: None, looked_at, violating, checks }
}

fn not_here(id: &'static str, says: &'static str, result: Verdict, why: &str) -> Line {
    Line { result, why: Some(why.to_owned()), ..line(id, says, Vec::new()) }
}

fn sizes(id: &'static str, says: &'static str, spool: &Part, queue: &Part) -> Line {
    let checks: Vec<Check> = spool.sizes.iter().chain(&queue.sizes).cloned().collect();
    let fault = spool.fault.as_ref().or(queue.fault.as_ref()).map(Failure::message);
    let line = line(id, says, checks);
    match fault.or(queue.no_sizes) {
        Some(why) if line.violating == 0 => {
            Line { result: Verdict::NotChecked, why: Some(why.to_owned()), ..line }
        }
        Some(_) | None => line,
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    for line in &report.invariants {
        let result = match line.result {
            Verdict::Ok => "ok",
            Verdict::Failed => "FAILED",
            Verdict::NotChecked => "not checked",
            Verdict::Elsewhere => "-",
        };
        let counts = match &line.why {
            Some(why) => output::visible(why),
            None => format!("{} looked at, {} violating", line.looked_at, line.violating),
        };
        output::line(&format!("{:<4} {result:<12} {} ({counts})", line.id, line.says))?;
        for check in line.checks.iter().filter(|check| check.violating > 0) {
            let examples = output::visible(&check.examples.join(", "));
            output::line(&format!("     {}: {}, such as {examples}", check.name, check.violating))?;
        }
    }
    let counts = &report.counts;
    output::line(&format!(
        "\naccepted is: {} spooled, {} in the queue, {} applied, {} dead letters",
        output::or_dash(counts.backlog.spooled),
        output::or_dash(counts.backlog.signals_queued()),
        output::or_dash(counts.applied),
        output::or_dash(counts.backlog.dead_letters),
    ))?;
    output::line(&format!(
        "{} cases open, {} notifications dead, {} sends after a repair",
        output::or_dash(counts.cases_open),
        output::or_dash(counts.dead_notifications),
        output::or_dash(counts.sends_after_repair),
    ))?;
    let head = report.operator_log.as_ref().map(ToString::to_string);
    output::line(&format!("operator log: {}", output::or_dash(head)))
}

/// A promise that does not hold is worse news than a part that could not be read.
fn verdict(report: &Report, faults: [Option<Failure>; 3]) -> Result<(), Failure> {
    let failed: Vec<&str> = report
        .invariants
        .iter()
        .filter(|line| line.result == Verdict::Failed)
        .map(|line| line.id)
        .collect();
    if !failed.is_empty() {
        let failed = failed.join(", ");
        return Err(Failure::failed(format!("does not hold: {failed}; see docs/audit.md")));
    }
    faults.into_iter().flatten().next().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn part(violating: u64, fault: Option<Failure>) -> Part {
        let name = "spool_bytes".to_owned();
        let check = Check { name, looked_at: 1, violating, examples: Vec::new() };
        Part { sizes: vec![check], fault, ..Part::default() }
    }

    fn away() -> Result<Store, Failure> {
        Err(Failure::unavailable("no store"))
    }

    #[test]
    fn a_broken_promise_is_worse_news_than_an_unread_part() {
        let report = report(&away(), &part(1, None), &Part::default());
        let ended = verdict(&report, [away().err(), None, None]);
        assert!(ended.is_err_and(|failure| failure.message().contains("I9")));
    }

    #[test]
    fn sizes_that_cannot_be_had_are_not_called_good_and_are_no_fault() {
        let queue = Part { no_sizes: Some("no sizes"), ..Part::default() };
        let of = |violating| {
            let report = report(&away(), &part(violating, None), &queue);
            let line = report.invariants.into_iter().find(|line| line.id == "I9").unwrap();
            (line.result, line.why)
        };
        assert_eq!(of(0), (Verdict::NotChecked, Some("no sizes".to_owned())));
        assert_eq!(of(1).0, Verdict::Failed);
        let report = report(&away(), &part(0, None), &queue);
        assert!(verdict(&report, [None, None, None]).is_ok());
    }

    #[test]
    fn an_unread_part_is_named_on_its_lines_and_is_the_exit() {
        let report = report(&away(), &part(0, None), &Part::default());
        let results: Vec<_> = report.invariants.iter().map(|line| (line.id, line.result)).collect();
        assert!(results.contains(&("I1", Verdict::NotChecked)));
        assert!(results.contains(&("I9", Verdict::Ok)));
        assert!(results.contains(&("I2", Verdict::Elsewhere)));
        let ended = verdict(&report, [away().err(), None, None]);
        assert!(ended.is_err_and(|failure| failure.message().contains("no store")));
    }
}
