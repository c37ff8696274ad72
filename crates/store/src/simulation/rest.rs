//! The end of a run: the faults stop and time goes on. Then everything comes to its end by
//! itself, with a reason, and nothing is left over.

use super::promises::{self, Broken, Kept, promise};
use super::world::World;
use fastrand::Rng;
use relink_core::Timestamp;

/// Moments that a run may need to come to rest; far more than any does.
const MOMENTS: usize = 2_000;

/// Steps at one moment, likewise.
const STEPS: usize = 10_000;

impl World {
    /// Lets everything come to its end, and looks.
    pub(super) fn come_to_rest(&mut self, rng: &mut Rng) -> Kept {
        self.calm = true;
        for _ in 0..MOMENTS {
            self.settle_down(rng)?;
            self.nothing_is_overdue()?;
            match self.next_thing() {
                Some(at) => self.terms.now = at,
                None => return self.all_is_told(),
            }
        }
        Err(Broken("it never comes to rest: something is tried for ever".to_owned()))
    }

    /// Everybody works until nobody has anything to do at this moment.
    fn settle_down(&mut self, rng: &mut Rng) -> Kept {
        for _ in 0..STEPS {
            let mut moved = self.forwarder_step(rng) | self.upkeep_step()?;
            moved |= self.provider.go_on(&self.ledger, rng)?;
            for who in 0..self.planners.len() {
                moved |= self.planner_step(who, rng)?;
            }
            for who in 0..self.schedulers.len() {
                moved |= self.scheduler_step(who, rng);
            }
            for who in 0..self.couriers.len() {
                moved |= self.courier_step(who, rng)?;
            }
            if !moved {
                return Ok(());
            }
        }
        Err(Broken("the workers turn in a circle".to_owned()))
    }

    fn nothing_is_overdue(&self) -> Kept {
        let now = self.terms.now;
        promise!(self.all_idle(), "somebody has something in hand and does nothing");
        promise!(self.spool.is_empty() && self.signals.is_empty(), "a signal is stuck");
        promise!(self.send.is_empty(), "a message is stuck");
        for stored in &self.ledger.notifications {
            promises::of_notification(&self.ledger, stored.notification.id)?;
            let overdue = stored.wake_at.is_some_and(|wake_at| wake_at <= now);
            promise!(!overdue, "{} is overdue", stored.notification.id);
        }
        Ok(())
    }

    /// The next moment at which the rows ask for something.
    fn next_thing(&self) -> Option<Timestamp> {
        let wakes = self.ledger.notifications.iter().filter_map(|stored| stored.wake_at);
        let open = self.ledger.cases.iter().filter(|stored| stored.case.is_open());
        wakes.chain(open.map(|stored| stored.case.expires_at)).min()
    }

    /// Every case and notification has ended with a reason; every accepted signal was applied
    /// once, or is kept as a dead letter.
    fn all_is_told(&self) -> Kept {
        for stored in &self.ledger.cases {
            let ended = !stored.case.is_open() && stored.case.close_reason.is_some();
            promise!(ended, "case {} stays open", stored.case.id);
        }
        for stored in &self.ledger.notifications {
            let row = &stored.notification;
            let told = row.state.is_end() && row.reason.is_some();
            promise!(told, "{} has no end with a reason: {row:?}", row.id);
        }
        for signal in &self.accepted {
            let applied = self.ledger.signals.get(&signal.event_id);
            let same = applied.is_some_and(|write| write.row.signal.digest == signal.digest);
            let buried = self.buried.iter().any(|dead| dead.digest == signal.digest);
            promise!(same || (applied.is_some() && buried), "{} was lost", signal.event_id);
        }
        Ok(())
    }
}
