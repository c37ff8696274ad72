//! Everything there is in one run, and one step of it: a choice names who moves next or what
//! goes wrong, and the promises are looked at after every commit.

use super::courier::Hand;
use super::coverage::Coverage;
use super::flaw::Flaw;
use super::ledger::Ledger;
use super::people;
use super::promises::Broken;
use super::provider::Provider;
use super::queue::Queue;
use super::tape::{Choice, Moods};
use super::transactions::Terms;
use super::workers::{Planner, Scheduler};
use crate::Finished;
use crate::changes::Sealed;
use fastrand::Rng;
use relink_core::id::NotificationId;
use relink_core::signal::Signal;

/// How often one step looks for somebody who has something to do.
const CHOICES: usize = 8;

/// How a call to the store or the broker goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    Works,
    /// Nothing was done.
    Down,
    /// It was done, and the caller is not told.
    AnswerLost,
}

pub(super) struct World {
    pub(super) ledger: Ledger,
    pub(super) terms: Terms,
    pub(super) provider: Provider,
    pub(super) signals: Queue<Signal>,
    pub(super) send: Queue<NotificationId>,
    /// Accepted, not handed on yet.
    pub(super) spool: Vec<Signal>,
    /// Everything that was ever answered with a 2xx.
    pub(super) accepted: Vec<Signal>,
    /// Dead letters.
    pub(super) buried: Vec<Signal>,
    pub(super) planners: Vec<Planner>,
    pub(super) schedulers: Vec<Scheduler>,
    pub(super) couriers: Vec<Hand>,
    pub(super) accounts: usize,
    pub(super) moods: Moods,
    /// No more faults: everybody answers, and what can be sent is.
    pub(super) calm: bool,
    pub(super) coverage: Coverage,
    /// What happened, in words; kept only for a run that is shown.
    pub(super) story: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(seed: u64, flaw: Option<Flaw>, coverage: Coverage) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rules = people::rules(&mut rng);
        let accounts = rng.usize(1..=3);
        Self {
            ledger: Ledger { flaw, ..Ledger::default() },
            terms: Terms { rules, keys: people::keys(), now: people::start() },
            provider: Provider::default(),
            signals: Queue::new(),
            send: Queue::new(),
            spool: Vec::new(),
            accepted: Vec::new(),
            buried: Vec::new(),
            planners: (0..2).map(|_| Planner::default()).collect(),
            schedulers: (0..2).map(|_| Scheduler::default()).collect(),
            couriers: (0..3).map(|_| Hand::default()).collect(),
            accounts,
            moods: Moods::draw(&mut rng),
            calm: false,
            coverage,
            story: None,
        }
    }

    /// One step: the first of a few choices that have something to do. Answers whether anything
    /// moved.
    pub(super) fn step(&mut self, word: u64) -> Result<bool, Broken> {
        let mut rng = Rng::with_seed(word);
        for _ in 0..CHOICES {
            let choice = self.moods.choose(&mut rng);
            if self.follow(choice, &mut rng)? {
                self.seen("choice", choice.name());
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn follow(&mut self, choice: Choice, rng: &mut Rng) -> Result<bool, Broken> {
        Ok(match choice {
            Choice::Courier => {
                let who = rng.usize(..self.couriers.len());
                self.courier_step(who, rng)?
            }
            Choice::Planner => {
                let who = rng.usize(..self.planners.len());
                self.planner_step(who, rng)?
            }
            Choice::Scheduler => {
                let who = rng.usize(..self.schedulers.len());
                self.scheduler_step(who, rng)
            }
            Choice::Forwarder => self.forwarder_step(rng),
            Choice::Upkeep => self.upkeep_step()?,
            Choice::Provider => self.provider.go_on(&self.ledger, rng)?,
            Choice::Signal => self.signal_comes(rng),
            Choice::PutAccount => {
                self.put_account(rng)?;
                true
            }
            Choice::Operator => self.operator_acts(rng)?,
            Choice::DeleteAccount => self.delete_account(rng)?,
            Choice::TimePasses => self.time_passes(rng),
            Choice::NextMoment => self.next_moment(rng),
            Choice::Crash => self.crash(rng),
            Choice::ClockBack => self.clock_back(rng),
            Choice::ClockLeap => self.clock_leap(rng),
            Choice::Redeliver if rng.u8(..4) == 0 => self.signals.give_back_any(rng),
            Choice::Redeliver => self.send.give_back_any(rng),
            Choice::Duplicate if rng.u8(..4) == 0 => self.signals.duplicate_any(rng),
            Choice::Duplicate => self.send.duplicate_any(rng),
            Choice::Purge => self.send.purge(),
            Choice::NewRules => self.new_rules(rng),
        })
    }

    /// How the next call goes: by the mood of the run.
    pub(super) fn luck(&mut self, rng: &mut Rng) -> Luck {
        if self.calm {
            return Luck::Works;
        }
        let luck = match rng.u8(..) {
            draw if draw < self.moods.down => Luck::Down,
            draw if draw < self.moods.down.saturating_add(self.moods.lost) => Luck::AnswerLost,
            _ => Luck::Works,
        };
        match luck {
            Luck::Works => {}
            Luck::Down => self.seen("fault", "a call failed"),
            Luck::AnswerLost => self.seen("fault", "a call was done and its answer lost"),
        }
        luck
    }

    pub(super) fn put_account(&mut self, rng: &mut Rng) -> Result<(), Broken> {
        let number = rng.usize(..self.accounts);
        let upsert = people::upsert(number, rng);
        // What a token seals to says nothing about when to send what.
        let sealed = Sealed { key: "k".to_owned(), bytes: vec![0] };
        self.ledger.put_account(&upsert, sealed, &self.terms)?;
        self.after_commit();
        self.say(|| {
            let who = upsert.account.contacts.iter().map(people::spoken);
            format!("account {number} is put with {}", who.collect::<Vec<_>>().join(", "))
        });
        Ok(())
    }

    pub(super) fn seen(&mut self, what: &'static str, which: &'static str) {
        self.coverage.seen(what, which);
    }

    pub(super) fn say(&mut self, words: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(words());
        }
    }

    pub(super) fn note_finished(&mut self, finished: &Finished) {
        match finished {
            Finished::Recorded { state, reason, .. } => {
                self.seen("recorded state", state.as_str());
                self.seen("recorded reason", reason.as_str());
                self.say(|| format!("recorded: {state}, {reason}"));
            }
            Finished::Late => {
                self.seen("recorded state", "late");
                self.say(|| "recorded late".to_owned());
            }
        }
    }

    /// Counts the situation that a commit left each notification in.
    pub(super) fn after_commit(&mut self) {
        for id in &self.ledger.touched {
            if let Some(stored) = self.ledger.notification(*id) {
                let row = &stored.notification;
                let case = self.ledger.case(row.case_id).map(|stored| &stored.case);
                let mut hands = [0_u8; 8];
                for hand in &self.couriers {
                    if hand.message().is_some_and(|message| message.body == *id) {
                        hands[hand.index()] += 1;
                    }
                }
                let fates: Vec<_> = self
                    .provider
                    .calls
                    .iter()
                    .filter(|call| call.id == *id)
                    .map(|call| (call.fate as u8, call.listed))
                    .collect();
                let situation = (
                    (row.state, row.reason, row.channel),
                    (row.doubts, row.looks, row.spent, row.attempts),
                    row.lease_until.is_some_and(|until| until > self.terms.now),
                    row.due_at > self.terms.now,
                    stored.wake_at.is_some(),
                    case.map(|case| (case.kind, case.hold, case.close_reason)),
                    (hands, fates),
                );
                self.coverage.situation(&situation);
            }
        }
    }
}
