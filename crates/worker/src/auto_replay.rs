//! Dead letters that need no operator. A broker that counts how often it gave a message out counts
//! the deaths of workers against whatever they had in hand: after twenty of them good messages are
//! dead letters. Each of those is replayed once, some time later. What dies again, and what died of
//! anything else, is an operator's.
//!
//! A crash on the way leaves the letter and its copy: the copy does its work, the letter is
//! replayed again, and that copy dies at the store's own guard. Of any number of workers one at a
//! time goes round, so that the operator log tells of each letter once.

use crate::metrics::Metrics;
use relink_core::Timestamp;
use relink_core::id::{InvalidValue, OperatorId, SubjectId, WorkerId};
use relink_core::operator_log::{Act, Action, SubjectKind};
use relink_core::wire::Topic;
use relink_queue::{AutoReplay, DeadLetter, DeadReason, QueueError};
use relink_store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Letters replayed in one round at most: a mass of them comes back in portions, and others can look
/// at the dead letters in between.
pub const BATCH: usize = 100;

/// Between two rounds at least.
const AT_LEAST: Duration = Duration::from_secs(1);

/// Until the next round after one that failed, twice as long after each one more, or while another
/// worker is at it.
const AGAIN: Duration = Duration::from_secs(30);

/// The name of the turn.
const TURN: &str = "auto_replay";

/// How long a turn lasts: longer than a round takes. Were it too short, two workers would write
/// down the same replay; which of them makes it, the broker decides.
const TURN_LASTS: Duration = Duration::from_secs(60);

/// The one replay that a letter gets without an operator. Safe to run in every worker.
pub struct AutoReplayer {
    /// The broker's dead letters.
    pub letters: Box<dyn AutoReplay>,
    /// Where each replay is on record, as an operator's is.
    pub store: Arc<dyn Store>,
    /// What is counted.
    pub metrics: Metrics,
    /// Who replays.
    pub worker: WorkerId,
    /// From a letter's death to its replay.
    pub after: Duration,
    /// Rounds that failed one after the other, up to now.
    pub failures: AtomicU32,
}

/// Why a round could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The broker.
    #[error("the dead letters cannot be seen to")]
    Queue(#[from] QueueError),
    /// The operator log: what cannot be recorded is not done.
    #[error("a replay cannot be recorded")]
    Store(#[from] StoreError),
    /// An id that fits no operator log.
    #[error("a replay cannot be recorded")]
    Id(#[from] InvalidValue),
}

impl AutoReplayer {
    /// Goes round until `stop`, whenever a letter may be due.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            // Cut off, what it has in hand goes back with its connection.
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.round(Timestamp::now()) => round,
            };
            let pause = match round {
                Ok(pause) => pause,
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "dead letters wait for the next round");
                    AGAIN.min(self.after)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause.max(AT_LEAST)) => {}
            }
        }
    }

    /// One round, unless no letter is there or another worker has the turn. Answers for how long
    /// no letter can be due; those that somebody has in hand at this moment count as not there.
    ///
    /// # Errors
    /// See [`ReplayError`]. Letters that were not replayed are dead letters still, in their order.
    pub async fn round(&self, now: Timestamp) -> Result<Duration, ReplayError> {
        if self.letters.count().await? == 0 {
            return Ok(self.after);
        }
        if self.store.take_turn(TURN, &self.worker, TURN_LASTS).await?.is_none() {
            return Ok(AGAIN.min(self.after));
        }
        let pause = self.in_turn(now).await;
        self.store.end_turn(TURN, &self.worker, None).await?;
        pause
    }

    /// Look, choose what is due, say so in the operator log, replay, say how it ended.
    async fn in_turn(&self, now: Timestamp) -> Result<Duration, ReplayError> {
        let letters = self.letters.list(usize::MAX).await?;
        let failures = self.failures.load(Ordering::Relaxed);
        // After a round that failed one letter of each topic tries the way: each try is on record,
        // and the record cannot be shortened.
        let of_a_topic = if failures == 0 { BATCH } else { 1 };
        let Chosen { due, pause } = choose(&letters, of_a_topic, self.after, now);
        if due.is_empty() {
            return Ok(pause);
        }
        for id in &due {
            self.store.record(&self.act(id)?.with("phase", "intent")).await?;
        }
        // A replay that cannot begin has its result on record too.
        let replayed = self.letters.auto_replay(&due).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "dead letters cannot be replayed just now");
            Vec::new()
        });
        self.metrics.auto_replayed.inc_by(u64::try_from(replayed.len()).unwrap_or(u64::MAX));
        for id in &due {
            let done = replayed.contains(id);
            if done {
                tracing::info!(letter.id = %id, "dead letter replayed, once and not again");
            }
            let word = if done { "done" } else { "failed" };
            let act = self.act(id)?.with("phase", "result").with("result", word);
            self.store.record(&act).await?;
        }
        if replayed.len() == due.len() {
            self.failures.store(0, Ordering::Relaxed);
            return Ok(pause);
        }
        self.failures.store(failures.saturating_add(1), Ordering::Relaxed);
        Ok(AGAIN.saturating_mul(1 << failures.min(10)).min(self.after))
    }

    fn act(&self, letter: &str) -> Result<Act, InvalidValue> {
        let who = OperatorId::parse(&format!("worker:{}", self.worker))?;
        Ok(Act::new(&who, Action::DeadReplay, SubjectKind::Letter, SubjectId::parse(letter)?))
    }
}

/// What a round is about.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    /// Ids of the letters to replay, oldest first.
    due: Vec<String>,
    /// For how long no other can be due.
    pause: Duration,
}

/// A letter that nobody has seen yet cannot be due before one that dies now.
fn choose(letters: &[DeadLetter], of_a_topic: usize, after: Duration, now: Timestamp) -> Chosen {
    let mut chosen = Chosen { due: Vec::new(), pause: after };
    let mut topics: HashMap<Option<Topic>, usize> = HashMap::new();
    for letter in letters {
        let Some(wait) = wait_of(letter, after, now) else { continue };
        if !wait.is_zero() {
            chosen.pause = chosen.pause.min(wait);
        } else if !chosen.due.contains(&letter.id) {
            let taken = topics.entry(letter.topic).or_default();
            if chosen.due.len() == BATCH || *taken == of_a_topic {
                chosen.pause = Duration::ZERO;
            } else {
                *taken += 1;
                chosen.due.push(letter.id.clone());
            }
        }
    }
    chosen
}

/// How long a letter waits for its replay; `None`: for an operator.
fn wait_of(letter: &DeadLetter, after: Duration, now: Timestamp) -> Option<Duration> {
    let is_good = letter.reason == DeadReason::DeliveryLimit.as_str() && letter.topic.is_some();
    let died_at = letter.died_at.filter(|_| is_good && !letter.auto_replayed)?;
    let dead_for = Duration::try_from(now.duration_since(died_at)).unwrap_or_default();
    Some(after.saturating_sub(dead_for))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(600);

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn letter(id: &str, died_at: i64) -> DeadLetter {
        DeadLetter {
            id: id.to_owned(),
            topic: Some(Topic::Signals),
            message_id: id.to_owned(),
            reason: "delivery_limit".to_owned(),
            died_at: Some(second(died_at)),
            body: Default::default(),
            trace: None,
            auto_replayed: false,
        }
    }

    fn chosen(due: &[&str], pause: u64) -> Chosen {
        let due = due.iter().map(|id| (*id).to_owned()).collect();
        Chosen { due, pause: Duration::from_secs(pause) }
    }

    #[test]
    fn a_letter_is_due_when_its_time_is_up_and_the_next_round_comes_when_another_is() {
        let letters = [letter("old", 100), letter("young", 450), letter("younger", 600)];
        assert_eq!(choose(&letters, BATCH, AFTER, second(699)), chosen(&[], 1));
        assert_eq!(choose(&letters, BATCH, AFTER, second(700)), chosen(&["old"], 350));
        assert_eq!(
            choose(&letters, BATCH, AFTER, second(5000)),
            chosen(&["old", "young", "younger"], 600)
        );
        // A broker whose clock is ahead delays a letter, by no more than this.
        assert_eq!(choose(&[letter("ahead", 9000)], BATCH, AFTER, second(700)), chosen(&[], 600));
        assert_eq!(choose(&[], BATCH, AFTER, second(700)), chosen(&[], 600));
    }

    #[test]
    fn what_an_operator_must_see_is_never_chosen() {
        let theirs = [
            DeadLetter { auto_replayed: true, ..letter("again", 0) },
            DeadLetter { reason: "malformed".to_owned(), ..letter("junk", 0) },
            DeadLetter { topic: None, ..letter("from nowhere", 0) },
            DeadLetter { died_at: None, ..letter("without a time", 0) },
        ];
        assert_eq!(choose(&theirs, BATCH, AFTER, second(5000)), chosen(&[], 600));
    }

    #[test]
    fn a_mass_of_letters_comes_in_portions_and_copies_of_one_count_once() {
        let mut letters: Vec<DeadLetter> =
            (0..250).map(|n| letter(&format!("{n:03}"), 0)).collect();
        letters.insert(1, letter("000", 0));
        let Chosen { due, pause } = choose(&letters, BATCH, AFTER, second(5000));
        assert_eq!((due.len(), pause), (BATCH, Duration::ZERO));
        assert_eq!((&due[0][..], &due[99][..]), ("000", "099"));

        // One of each topic tries the way.
        letters.push(DeadLetter { topic: Some(Topic::SendSms), ..letter("sms", 0) });
        let Chosen { due, pause } = choose(&letters, 1, AFTER, second(5000));
        assert_eq!((due, pause), (vec!["000".to_owned(), "sms".to_owned()], Duration::ZERO));
    }
}
