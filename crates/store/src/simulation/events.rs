//! What comes from outside the workers: signals, operators, time, and faults.

use super::courier::Hand;
use super::mirror::Op;
use super::people;
use super::promises::Broken;
use super::workers::{Planner, Scheduler};
use super::world::World;
use fastrand::Rng;
use relink_core::case::{Case, CloseReason};
use relink_core::notification::NotificationState;
use relink_core::time::{after, from_millis};
use std::time::Duration;

impl World {
    /// A new signal, an old one again, or an old id over another content.
    pub(super) fn signal_comes(&mut self, rng: &mut Rng) -> bool {
        let again = !self.accepted.is_empty() && rng.u8(..4) == 0;
        let signal = if again {
            let mut signal = self.accepted[rng.usize(..self.accepted.len())].clone();
            if rng.u8(..6) == 0 {
                signal.digest = format!("another {}", rng.u8(..4));
            }
            signal
        } else {
            let account = rng.usize(..self.accounts);
            people::signal(self.accepted.len(), account, self.terms.now, rng)
        };
        self.say(|| {
            format!("{} comes in: {} of {}", signal.event_id, signal.kind, signal.account_ref)
        });
        self.accepted.push(signal.clone());
        self.spool.push(signal);
        true
    }

    /// Holds, releases, closes, or puts back; an app that says "repaired" closes too.
    pub(super) fn operator_acts(&mut self, rng: &mut Rng) -> Result<bool, Broken> {
        let now = self.terms.now;
        if rng.u8(..3) == 0 {
            return self.replay(rng);
        }
        let open: Vec<Case> = self
            .ledger
            .cases
            .iter()
            .map(|stored| &stored.case)
            .filter(|case| case.is_open())
            .cloned()
            .collect();
        if open.is_empty() {
            return Ok(false);
        }
        let case = &open[rng.usize(..open.len())];
        let (what, changed) = match rng.u8(..6) {
            0..=1 => ("held", self.ledger.hold(case.id, true, now)?),
            2..=3 => ("released", self.ledger.hold(case.id, false, now)?),
            4 => ("proven", self.cobalt_proves(case, rng)?),
            _ => {
                let reasons = [CloseReason::Operator, CloseReason::Repaired];
                self.ledger.close_case(case, reasons[rng.usize(..2)], now)?;
                ("closed", true)
            }
        };
        if changed {
            self.after_commit();
            self.seen("case", what);
            self.say(|| format!("case {} is {what}", case.id));
        }
        Ok(changed)
    }

    fn replay(&mut self, rng: &mut Rng) -> Result<bool, Broken> {
        let rows = self.ledger.notifications.iter().map(|stored| &stored.notification);
        let dead: Vec<_> = rows.filter(|row| row.state == NotificationState::Dead).collect();
        if dead.is_empty() {
            return Ok(false);
        }
        let id = dead[rng.usize(..dead.len())].id;
        let done = self.ledger.replay(id, self.terms.now)?;
        self.after_commit();
        self.seen("case", "a notification put back");
        self.say(|| format!("{id} is put back"));
        Ok(done)
    }

    pub(super) fn delete_account(&mut self, rng: &mut Rng) -> Result<bool, Broken> {
        let number = rng.usize(..self.accounts);
        let done = self.ledger.delete_account(&people::account_ref(number), self.terms.now)?;
        if done {
            self.after_commit();
            self.say(|| format!("account {number} is deleted"));
        }
        Ok(done)
    }

    pub(super) fn time_passes(&mut self, rng: &mut Rng) -> bool {
        let seconds = [1, 10, 40, 61, 121, 300][rng.usize(..6)];
        self.advance(Duration::from_secs(seconds));
        true
    }

    /// To the moment at which the scheduler has something to do, or just before or after.
    pub(super) fn next_moment(&mut self, rng: &mut Rng) -> bool {
        let wakes = self.ledger.notifications.iter().filter_map(|stored| stored.wake_at);
        let Some(next) = wakes.filter(|wake_at| *wake_at > self.terms.now).min() else {
            return false;
        };
        let off = [-1, 0, 0, 0, 1][rng.usize(..5)];
        let at = from_millis(next.as_millisecond() + off);
        self.terms.now = at.max(self.terms.now);
        self.say(|| format!("it is {at}"));
        true
    }

    pub(super) fn clock_leap(&mut self, rng: &mut Rng) -> bool {
        let minutes = [30, 30, 90, 90, 600, 600, 3_000, 50_000][rng.usize(..8)];
        self.advance(people::MINUTE * minutes);
        true
    }

    /// The database's clock is set back: an hour at most.
    pub(super) fn clock_back(&mut self, rng: &mut Rng) -> bool {
        let back = rng.i64(1..3_600_000);
        self.terms.now = from_millis(self.terms.now.as_millisecond() - back);
        self.say(|| format!("the clock is set back by {back} ms"));
        true
    }

    /// The next start of the workers finds another configuration.
    pub(super) fn new_rules(&mut self, rng: &mut Rng) -> bool {
        self.terms.rules = people::rules(rng);
        let rules = &self.terms.rules;
        self.ledger.note(self.terms.now, || Op::Rules(rules.clone()));
        self.say(|| "the rules are changed".to_owned());
        true
    }

    fn advance(&mut self, by: Duration) {
        self.terms.now = after(self.terms.now, by);
        self.say(|| format!("{by:?} pass"));
    }

    /// A worker is killed where it is. The queue gives back what it held.
    pub(super) fn crash(&mut self, rng: &mut Rng) -> bool {
        match rng.u8(..4) {
            0 => {
                let who = rng.usize(..self.planners.len());
                let planner = std::mem::take(&mut self.planners[who]);
                match planner {
                    Planner::Idle => return false,
                    Planner::Taken(batch) => {
                        self.seen("crash", "planner before its commit");
                        batch.iter().for_each(|taken| self.signals.give_back(taken.tag));
                    }
                    Planner::Applied(batch) => {
                        self.seen("crash", "planner after its commit");
                        batch.iter().for_each(|(taken, _)| self.signals.give_back(taken.tag));
                    }
                }
                self.say(|| format!("planner {who} is killed"));
            }
            1 => {
                let who = rng.usize(..self.schedulers.len());
                match std::mem::take(&mut self.schedulers[who]) {
                    Scheduler::Idle => return false,
                    Scheduler::Claimed { .. } => self.seen("crash", "scheduler after its claim"),
                }
                self.say(|| format!("scheduler {who} is killed"));
            }
            _ => {
                let who = rng.usize(..self.couriers.len());
                let hand = std::mem::take(&mut self.couriers[who]);
                let Some(message) = hand.message() else { return false };
                self.send.give_back(message.tag);
                self.seen("crash", hand.name());
                self.say(|| format!("courier {who} is killed {}", hand.name()));
            }
        }
        true
    }

    /// Whether nobody has anything in hand.
    pub(super) fn all_idle(&self) -> bool {
        self.planners.iter().all(|planner| matches!(planner, Planner::Idle))
            && self.schedulers.iter().all(|scheduler| matches!(scheduler, Scheduler::Idle))
            && self.couriers.iter().all(|hand| matches!(hand, Hand::Empty))
    }
}
