//! The provider: what it was asked, what it took, and what its list shows. Knows the truth that
//! a worker may never learn.

use super::ledger::Ledger;
use super::promises::{Kept, promise};
use fastrand::Rng;
use relink_core::attempt::OutcomeKind;
use relink_core::id::NotificationId;

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// On its way, or being worked on.
    Open,
    /// The person has the message.
    Accepted,
    /// It never arrived, or was refused.
    Lost,
    /// Taken, and failed before it reached the person; the list says so.
    FailedLater,
}

pub(super) struct Call {
    pub(super) id: NotificationId,
    pub(super) number: u32,
    pub(super) fate: Fate,
    /// Whether the list shows it yet.
    pub(super) listed: bool,
}

#[derive(Default)]
pub(super) struct Provider {
    pub(super) calls: Vec<Call>,
}

impl Provider {
    /// A worker hands over a message. Every request needs an intent of its own in the ledger.
    pub(super) fn call(&mut self, ledger: &Ledger, id: NotificationId, number: u32) -> Kept {
        let intent = ledger.attempts.contains_key(&(id, number));
        promise!(intent, "the provider is called for attempt {number} of {id} without an intent");
        let twice = self.calls.iter().any(|call| call.id == id && call.number == number);
        promise!(!twice, "attempt {number} of {id} is sent twice");
        self.calls.push(Call { id, number, fate: Fate::Open, listed: false });
        Ok(())
    }

    pub(super) fn find(&mut self, id: NotificationId, number: u32) -> Option<&mut Call> {
        self.calls.iter_mut().find(|call| call.id == id && call.number == number)
    }

    /// Settles an open request, and counts: at most one message more than recorded doubts, and
    /// never a third.
    pub(super) fn settle(
        &mut self,
        ledger: &Ledger,
        id: NotificationId,
        number: u32,
        fate: Fate,
    ) -> Kept {
        let Some(call) = self.find(id, number).filter(|call| call.fate == Fate::Open) else {
            return Ok(());
        };
        call.fate = fate;
        if fate != Fate::Accepted {
            return Ok(());
        }
        let accepted =
            self.calls.iter().filter(|call| call.id == id && call.fate == Fate::Accepted).count();
        let doubts = ledger
            .attempts_of(id)
            .filter(|attempt| attempt.outcome == Some(OutcomeKind::Unknown))
            .count();
        promise!(accepted <= 2, "the person got message {id} {accepted} times");
        promise!(accepted <= 1 + doubts, "{id} arrived {accepted} times with {doubts} doubts");
        Ok(())
    }

    /// Something goes on at the provider: an open request ends, or the list catches up.
    /// Answers whether anything did.
    pub(super) fn go_on(&mut self, ledger: &Ledger, rng: &mut Rng) -> Result<bool, super::Broken> {
        let late: Vec<usize> = (0..self.calls.len())
            .filter(|at| {
                let call = &self.calls[*at];
                let shown = matches!(call.fate, Fate::Accepted | Fate::FailedLater);
                call.fate == Fate::Open || (shown && !call.listed)
            })
            .collect();
        if late.is_empty() {
            return Ok(false);
        }
        let at = late[rng.usize(..late.len())];
        let Call { id, number, fate, .. } = self.calls[at];
        if fate != Fate::Open {
            self.calls[at].listed = true;
            return Ok(true);
        }
        let fate = match rng.u8(..4) {
            0 => Fate::Lost,
            1 => Fate::FailedLater,
            _ => Fate::Accepted,
        };
        self.settle(ledger, id, number, fate)?;
        Ok(true)
    }
}
