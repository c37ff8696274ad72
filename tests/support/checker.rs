//! Compares what clients were told with what the providers took and what is on record, once
//! nothing is on its way any more.
//!
//! Lost is an acknowledged event that reached no provider and has no recorded end of another
//! kind. A message beyond the first is allowed only for a doubt that is on record.

use crate::ledger::Ledger;
use crate::load::number_of;
use crate::stage::Stage;
use crate::wait::within;
use relink_core::Timestamp;
use relink_http::Method;
use relink_http::client::{HttpClient, Limits};
use relink_sandbox::Caught;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// What became of one account's one notification.
#[derive(Debug, Default, Clone)]
struct Fate {
    /// Messages that a provider took.
    taken: usize,
    /// Attempts recorded as accepted, by their answer or by a look-up.
    recorded: usize,
    /// Attempts whose answer never came.
    doubts: usize,
}

impl Fate {
    /// The person was told and it is on record; or it was in doubt twice, and is an operator's.
    fn is_settled(&self) -> bool {
        self.recorded > 0 || self.doubts == 2
    }
}

/// The counts of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Events posted.
    pub attempted: usize,
    /// Events that were answered 2xx.
    pub acknowledged: usize,
    /// Acknowledged, and nowhere.
    pub lost: usize,
    /// Messages beyond the first for one notification.
    pub duplicated: usize,
    /// Not acknowledged, and delivered all the same.
    pub recovered: usize,
    /// Attempts whose answer never came.
    pub doubts: usize,
    /// 99 % of all answers came within this time.
    pub p99: Duration,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "attempted {} | acknowledged {} | lost {} | duplicated {} | recovered {} | doubts {} | p99 {} ms",
            self.attempted,
            self.acknowledged,
            self.lost,
            self.duplicated,
            self.recovered,
            self.doubts,
            self.p99.as_millis()
        )
    }
}

impl Stage {
    /// Waits until the system has come to rest with no operator's help, and judges it.
    ///
    /// # Panics
    /// It does not come to rest in 4 min, or a promise is broken.
    pub async fn verdict(&self, ledger: &Ledger) -> Verdict {
        self.verdict_within(Duration::from_secs(240), ledger).await
    }

    /// The same with another patience for each thing that is waited for.
    ///
    /// # Panics
    /// As [`Self::verdict`].
    pub async fn verdict_within(&self, patience: Duration, ledger: &Ledger) -> Verdict {
        within(patience, "the backlog to be gone", || async {
            (self.backlog().await? == 0).then_some(())
        })
        .await;
        let acknowledged = ledger.acknowledged();
        let fates = within(patience, "every acknowledged event to reach its end", || async {
            let fates = self.fates(ledger).await?;
            let known = |number| fates.contains_key(number) || ledger.may_be_silent(*number);
            acknowledged.iter().all(known).then_some(fates)
        })
        .await;
        let verdict = count(ledger, &acknowledged, &fates);
        assert_kept(&fates, &verdict);
        assert_eq!(self.gauge("relink_sends_after_repair_total").await, Some(0));
        within(patience, "the dead letters to be the doubts left to the operator", || async {
            (self.gauge("relink_dead_letters").await == Some(operators(&fates, ledger)))
                .then_some(())
        })
        .await;
        self.assert_audited(patience).await;
        verdict
    }

    /// What became of everybody, once nothing is on its way. Providers and records are read one
    /// after the other, so they are compared only when neither moved meanwhile.
    async fn fates(&self, ledger: &Ledger) -> Option<BTreeMap<usize, Fate>> {
        let before = self.corner.inbox.all();
        let attempts = self.api().attempts().await;
        let fates = fates(&before, &attempts);
        let ended = attempts.iter().all(|attempt| !attempt["finished_at"].is_null());
        let still = self.corner.inbox.len() == before.len();
        assert_silent_since_repair(ledger, &attempts);
        let mut open = fates.iter().filter(|(number, _)| !ledger.may_be_silent(**number));
        (ended && still && open.all(|(_, fate)| fate.is_settled())).then_some(fates)
    }

    /// Everything in spools and queues, by the gauges that an operator sees.
    async fn backlog(&self) -> Option<i64> {
        let spooled = self.gauge("relink_spool_pending").await?;
        Some(spooled + self.gauge("relink_queue_depth").await?)
    }

    /// A gauge, summed over its labels, of the process that shows the most; `None` when none
    /// shows it.
    pub async fn gauge(&self, name: &str) -> Option<i64> {
        let client = HttpClient::new(Limits::default()).unwrap();
        let mut most = None;
        for admin in self.processes.iter().filter_map(|actor| actor.process.admin_url()) {
            let url = format!("{admin}/metrics");
            let answer =
                client.call(Method::GET, &url, Default::default(), Default::default()).await;
            let text = String::from_utf8_lossy(&answer.ok()?.body).into_owned();
            let shown = text.lines().filter(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
            });
            let values: Vec<i64> = shown
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .map(|value| value as i64)
                .collect();
            if !values.is_empty() {
                most = most.max(Some(values.iter().sum()));
            }
        }
        most
    }
}

fn fates(caught: &[Caught], attempts: &[Value]) -> BTreeMap<usize, Fate> {
    let mut fates: BTreeMap<usize, Fate> = BTreeMap::new();
    for message in caught {
        fates.entry(number_of(&message.to).unwrap()).or_default().taken += 1;
    }
    for attempt in attempts {
        let fate = fates.entry(number_of_attempt(attempt)).or_default();
        let word = |key: &str| attempt[key].as_str().unwrap_or("").to_owned();
        fate.doubts += usize::from(word("outcome") == "unknown");
        let accepted = word("outcome") == "accepted" || word("resolved_as") == "accepted";
        fate.recorded += usize::from(accepted);
    }
    fates
}

fn count(
    ledger: &Ledger,
    acknowledged: &BTreeSet<usize>,
    fates: &BTreeMap<usize, Fate>,
) -> Verdict {
    // In doubt twice and taken by nobody is an end on record: the operator's.
    let lost = |number: &&usize| fates.get(number).is_none_or(|fate| fate.taken + fate.doubts == 0);
    let lost = |number: &&usize| !ledger.may_be_silent(**number) && lost(number);
    let unheard = |number: &&usize| !acknowledged.contains(number);
    Verdict {
        attempted: ledger.events.len(),
        acknowledged: acknowledged.len(),
        lost: acknowledged.iter().filter(lost).count(),
        duplicated: fates.values().map(|fate| fate.taken.saturating_sub(1)).sum(),
        recovered: fates.iter().filter(|(number, fate)| unheard(number) && fate.taken > 0).count(),
        doubts: fates.values().map(|fate| fate.doubts).sum(),
        p99: ledger.quantile(0.99),
    }
}

/// How many were in doubt twice with nothing known since.
fn operators(fates: &BTreeMap<usize, Fate>, ledger: &Ledger) -> i64 {
    let left = |(number, fate): &(&usize, &Fate)| {
        fate.recorded == 0 && !(ledger.may_be_silent(**number) && fate.doubts < 2)
    };
    i64::try_from(fates.iter().filter(left).count()).unwrap()
}

/// Intents are committed before anything is sent: one that began after the app had the answer to
/// its "works again" is a message after the repair.
fn assert_silent_since_repair(ledger: &Ledger, attempts: &[Value]) {
    for attempt in attempts {
        let repaired = ledger.repaired.get(&number_of_attempt(attempt));
        let begun: Timestamp = attempt["started_at"].as_str().unwrap().parse().unwrap();
        assert!(repaired.is_none_or(|repaired| begun <= *repaired), "after the repair: {attempt}");
    }
}

fn number_of_attempt(attempt: &Value) -> usize {
    let account = attempt["account_ref"].as_str().unwrap();
    account.trim_start_matches("account-").parse().unwrap()
}

fn assert_kept(fates: &BTreeMap<usize, Fate>, verdict: &Verdict) {
    for (number, fate) in fates {
        let most = (1 + fate.doubts).min(2);
        assert!(fate.taken <= most, "account-{number} was told too often: {fate:?}");
        assert!(fate.recorded <= fate.taken, "account-{number}: more on record: {fate:?}");
    }
    assert_eq!(verdict.lost, 0, "{verdict}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Told;

    fn fate(taken: usize, recorded: usize, doubts: usize) -> Fate {
        Fate { taken, recorded, doubts }
    }

    fn ledger(statuses: &[Option<u16>]) -> Ledger {
        let told = |status: &Option<u16>| Told { answers: vec![*status], ..Told::default() };
        Ledger { events: statuses.iter().map(told).enumerate().collect(), ..Ledger::default() }
    }

    #[test]
    fn losses_doubles_and_recoveries_are_told_apart() {
        let ledger = ledger(&[Some(202), Some(202), None, Some(503), Some(202)]);
        let fates = BTreeMap::from([(0, fate(1, 1, 0)), (1, fate(2, 1, 1)), (2, fate(1, 1, 0))]);
        let verdict = count(&ledger, &ledger.acknowledged(), &fates);
        let counts = (verdict.attempted, verdict.acknowledged, verdict.lost);
        assert_eq!(counts, (5, 3, 1));
        assert_eq!((verdict.duplicated, verdict.recovered, verdict.doubts), (1, 1, 1));
    }

    #[test]
    #[should_panic(expected = "told too often")]
    fn a_second_message_without_a_doubt_is_noticed() {
        let fates = BTreeMap::from([(0, fate(2, 1, 0))]);
        let ledger = ledger(&[Some(202)]);
        assert_kept(&fates, &count(&ledger, &ledger.acknowledged(), &fates));
    }

    #[test]
    #[should_panic(expected = "told too often")]
    fn a_third_message_is_never_allowed() {
        let fates = BTreeMap::from([(0, fate(3, 1, 3))]);
        let ledger = ledger(&[Some(202)]);
        assert_kept(&fates, &count(&ledger, &ledger.acknowledged(), &fates));
    }

    #[test]
    #[should_panic(expected = "lost 1")]
    fn a_loss_is_noticed() {
        let ledger = ledger(&[Some(202)]);
        let fates = BTreeMap::new();
        assert_kept(&fates, &count(&ledger, &ledger.acknowledged(), &fates));
    }
}
