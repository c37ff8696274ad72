//! What a courier hears of its provider: an answer, silence, or what the list shows.

use super::courier::{Hand, Message};
use super::people::{LEASE, deferral, refusal};
use super::promises::Broken;
use super::provider::Fate;
use super::tape::Temper;
use super::world::World;
use crate::OpenAttempt;
use fastrand::Rng;
use relink_core::attempt::{Outcome, Reason};
use relink_core::id::NotificationId;
use relink_core::sender::LookUp;

impl World {
    /// Renews the lease, or hears what the provider says, or gives up waiting.
    pub(super) fn hear(
        &mut self,
        message: Message,
        open: Box<OpenAttempt>,
        rng: &mut Rng,
    ) -> Result<Hand, Broken> {
        let row = &open.snapshot.notification;
        let (id, fence, number) = (row.id, row.fence, open.number);
        if !self.calm && rng.u8(..4) == 0 {
            let ours = self.ledger.renew(id, fence, LEASE, self.terms.now);
            self.seen("lease", if ours { "renewed" } else { "lost to another worker" });
            return Ok(Hand::Calling(message, open));
        }
        let fate = self.provider.find(id, number).map(|call| call.fate);
        let silence = if rng.bool() { Reason::NoAnswer } else { Reason::ConnectionLost };
        let outcome = match fate {
            Some(Fate::Open) => self.provider_answers(id, number, rng)?,
            Some(Fate::Accepted) if self.calm || rng.u8(..3) > 0 => Outcome::Accepted,
            Some(Fate::Lost) if self.calm || rng.bool() => deferral(rng),
            Some(Fate::Accepted | Fate::Lost | Fate::FailedLater) | None => {
                Outcome::Unknown { reason: silence }
            }
        };
        self.seen("outcome", outcome.kind().as_str());
        self.seen("outcome reason", outcome.reason().as_str());
        self.say(|| format!("attempt {number} of {id} ends: {outcome:?}"));
        Ok(Hand::Answered(message, open, outcome.into()))
    }

    fn provider_answers(
        &mut self,
        id: NotificationId,
        number: u32,
        rng: &mut Rng,
    ) -> Result<Outcome, Broken> {
        let unknown = |reason| Outcome::Unknown { reason };
        let draw = match self.moods.temper {
            _ if self.calm => 0,
            Temper::PutsOff if rng.u8(..64) > 0 => return self.put_off(id, number, rng),
            Temper::Silent if rng.bool() => 15,
            Temper::Mixed | Temper::PutsOff | Temper::Silent => rng.u8(..16),
        };
        let (fate, outcome) = match draw {
            0..=3 => (Fate::Accepted, Outcome::Accepted),
            4..=6 => (Fate::Lost, deferral(rng)),
            7..=8 => (Fate::Lost, refusal(rng)),
            9 => (Fate::Accepted, unknown(Reason::ConnectionLost)),
            10 => (Fate::Lost, unknown(Reason::ConnectionLost)),
            11 => (Fate::Accepted, unknown(Reason::ProviderError)),
            12 => (Fate::FailedLater, unknown(Reason::ProviderError)),
            // No answer in time; whether it is taken shows later.
            _ => (Fate::Open, unknown(Reason::NoAnswer)),
        };
        if fate != Fate::Open {
            self.provider.settle(&self.ledger, id, number, fate)?;
        }
        Ok(outcome)
    }

    /// The recipient's server says "later" each time.
    fn put_off(
        &mut self,
        id: NotificationId,
        number: u32,
        rng: &mut Rng,
    ) -> Result<Outcome, Broken> {
        self.provider.settle(&self.ledger, id, number, Fate::Lost)?;
        let full = number == 1 && rng.u8(..4) == 0;
        let reason = if full { Reason::MailboxFull } else { Reason::TemporaryRefusal };
        Ok(Outcome::Deferred { reason, retry_after: None })
    }

    pub(super) fn look(&mut self, message: Message, open: Box<OpenAttempt>, rng: &mut Rng) -> Hand {
        let id = message.body;
        let listed = |fate| {
            self.provider.calls.iter().any(|call| call.id == id && call.listed && call.fate == fate)
        };
        let reason = Reason::ConnectFailed;
        let found = if !self.calm && rng.u8(..4) == 0 {
            LookUp::Unavailable { reason }
        } else if listed(Fate::Accepted) {
            LookUp::Found { provider_message_id: "found".to_owned() }
        } else if listed(Fate::FailedLater) {
            LookUp::Refused { reason: Reason::NotAMobile }
        } else {
            LookUp::Absent
        };
        self.seen(
            "look",
            match &found {
                LookUp::Found { .. } => "found",
                LookUp::Refused { .. } => "refused",
                LookUp::Absent => "absent",
                LookUp::Unavailable { .. } => "unavailable",
            },
        );
        self.say(|| format!("a look for {id}: {found:?}"));
        Hand::Looked(message, open, found)
    }
}
