//! Everybody but the courier: the receiver's forwarder, the planner, the scheduler and upkeep,
//! each as a machine that can be stopped between any two of its steps.

use super::flaw::Flaw;
use super::promises::Broken;
use super::queue::Taken;
use super::world::{Luck, World};
use crate::Applied;
use fastrand::Rng;
use relink_core::id::NotificationId;
use relink_core::plan::SignalResult;
use relink_core::signal::Signal;

/// Signals in one transaction at most.
const SIGNALS_AT_ONCE: usize = 3;

/// Notifications claimed at once at most.
const CLAIMED_AT_ONCE: usize = 3;

#[derive(Default)]
pub(super) enum Planner {
    #[default]
    Idle,
    /// Next it applies the batch.
    Taken(Vec<Taken<Signal>>),
    /// Next it settles the batch.
    Applied(Vec<(Taken<Signal>, Applied)>),
}

#[derive(Default)]
pub(super) enum Scheduler {
    #[default]
    Idle,
    /// Next it publishes the first, or gives back what could not be published.
    Claimed { to_publish: Vec<NotificationId>, failed: Vec<NotificationId> },
}

impl World {
    /// Publishes one spooled signal; it leaves the spool only with the broker's word.
    pub(super) fn forwarder_step(&mut self, rng: &mut Rng) -> bool {
        if self.spool.is_empty() {
            return false;
        }
        let at = rng.usize(..self.spool.len());
        match self.luck(rng) {
            Luck::Down => {}
            Luck::AnswerLost => self.signals.publish(self.spool[at].clone()),
            Luck::Works => {
                let signal = self.spool.swap_remove(at);
                self.signals.publish(signal);
            }
        }
        true
    }

    pub(super) fn planner_step(&mut self, who: usize, rng: &mut Rng) -> Result<bool, Broken> {
        self.planners[who] = match std::mem::take(&mut self.planners[who]) {
            Planner::Idle => {
                let most = rng.usize(1..=SIGNALS_AT_ONCE);
                let batch: Vec<_> = (0..most).map_while(|_| self.signals.take(rng)).collect();
                if batch.is_empty() {
                    return Ok(false);
                }
                if self.ledger.flaw == Some(Flaw::PlannerAcksFirst) {
                    batch.iter().for_each(|taken| self.signals.settle(taken.tag));
                }
                Planner::Taken(batch)
            }
            Planner::Taken(batch) => match self.luck(rng) {
                Luck::Down => Planner::Taken(batch),
                Luck::AnswerLost => {
                    self.apply(&batch)?;
                    Planner::Taken(batch)
                }
                Luck::Works => {
                    let applied = self.apply(&batch)?;
                    Planner::Applied(batch.into_iter().zip(applied).collect())
                }
            },
            Planner::Applied(mut batch) => {
                if let Some((taken, applied)) = batch.pop() {
                    if applied.result == SignalResult::IdReused {
                        self.buried.push(taken.body);
                    }
                    self.signals.settle(taken.tag);
                }
                if batch.is_empty() { Planner::Idle } else { Planner::Applied(batch) }
            }
        };
        Ok(true)
    }

    fn apply(&mut self, batch: &[Taken<Signal>]) -> Result<Vec<Applied>, Broken> {
        let mut all = Vec::with_capacity(batch.len());
        for taken in batch {
            let applied = self.ledger.apply(&taken.body, &self.terms)?;
            self.after_commit();
            self.seen("signal", applied.result.as_str());
            let signal = &taken.body;
            self.say(|| {
                format!("{} ({}) is applied: {}", signal.event_id, signal.kind, applied.result)
            });
            all.push(applied);
        }
        Ok(all)
    }

    pub(super) fn scheduler_step(&mut self, who: usize, rng: &mut Rng) -> bool {
        self.schedulers[who] = match std::mem::take(&mut self.schedulers[who]) {
            Scheduler::Idle => {
                let luck = self.luck(rng);
                if luck == Luck::Down {
                    return false;
                }
                let due = self.ledger.claim(CLAIMED_AT_ONCE, self.terms.now);
                if due.is_empty() {
                    return false;
                }
                self.say(|| {
                    let due: Vec<String> = due.iter().map(ToString::to_string).collect();
                    format!("scheduler {who} claims {}", due.join(" and "))
                });
                if luck == Luck::AnswerLost {
                    // Claimed, and nobody knows: due again in two minutes.
                    return true;
                }
                Scheduler::Claimed { to_publish: due, failed: Vec::new() }
            }
            Scheduler::Claimed { mut to_publish, mut failed } => {
                if let Some(id) = to_publish.pop() {
                    match self.luck(rng) {
                        Luck::Works => self.send.publish(id),
                        Luck::Down => failed.push(id),
                        // Stored without a confirm counts as not stored.
                        Luck::AnswerLost => {
                            self.send.publish(id);
                            failed.push(id);
                        }
                    }
                    Scheduler::Claimed { to_publish, failed }
                } else {
                    if !failed.is_empty() && self.luck(rng) != Luck::Down {
                        self.seen("step", "gave back");
                        self.ledger.give_back(&failed, self.terms.now);
                    }
                    Scheduler::Idle
                }
            }
        };
        true
    }

    pub(super) fn upkeep_step(&mut self) -> Result<bool, Broken> {
        let expired = self.ledger.expire(2, self.terms.now)?;
        if expired > 0 {
            self.seen("case", "expired");
            self.say(|| format!("{expired} cases expire"));
        }
        Ok(expired > 0)
    }
}
