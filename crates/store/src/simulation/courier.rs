//! The courier as a machine that can be stopped between any two of its steps: take, ask the
//! gate, call the provider, hear its answer, record, let the queue forget.

use super::flaw::Flaw;
use super::people::{LEASE, deferral, refusal, worker};
use super::promises::{Broken, Kept, promise};
use super::provider::Fate;
use super::queue::Taken;
use super::tape::Temper;
use super::world::{Luck, World};
use crate::{Begin, BeginRequest, FinishRequest, LookUpRequest, OpenAttempt};
use fastrand::Rng;
use relink_core::attempt::{Outcome, Reason};
use relink_core::id::NotificationId;
use relink_core::notification::NotificationState;
use relink_core::sender::{LookUp, Sent};
use std::time::Duration;

type Message = Taken<NotificationId>;

/// What a courier has in hand, and so what it does next.
#[derive(Debug, Clone, Default)]
pub(super) enum Hand {
    #[default]
    Empty,
    /// Next it asks the gate.
    Taken(Message),
    /// Intent is committed; next it calls the provider.
    Begun(Message, Box<OpenAttempt>),
    /// It waits for the provider's answer.
    Calling(Message, Box<OpenAttempt>),
    /// Next it records the outcome.
    Answered(Message, Box<OpenAttempt>, Sent),
    /// It waits for the provider's list.
    Looking(Message, Box<OpenAttempt>),
    /// Next it records what the list showed.
    Looked(Message, Box<OpenAttempt>, LookUp),
    /// Next it lets the queue forget. The flag says that it gave up recording.
    Done(Message, Option<Box<OpenAttempt>>),
}

impl Hand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Empty => "with nothing in hand",
            Self::Taken(_) => "before the gate",
            Self::Begun(..) => "between intent and call",
            Self::Calling(..) => "while the provider has it",
            Self::Answered(..) => "between answer and record",
            Self::Looking(..) => "while it looks",
            Self::Looked(..) => "between look and record",
            Self::Done(..) => "between record and settlement",
        }
    }

    /// Which of them, for telling situations apart.
    pub(super) fn index(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Taken(_) => 1,
            Self::Begun(..) => 2,
            Self::Calling(..) => 3,
            Self::Answered(..) => 4,
            Self::Looking(..) => 5,
            Self::Looked(..) => 6,
            Self::Done(..) => 7,
        }
    }

    pub(super) fn message(&self) -> Option<&Message> {
        match self {
            Self::Empty => None,
            Self::Taken(message)
            | Self::Begun(message, _)
            | Self::Calling(message, _)
            | Self::Answered(message, ..)
            | Self::Looking(message, _)
            | Self::Looked(message, ..)
            | Self::Done(message, _) => Some(message),
        }
    }
}

impl World {
    /// One step of courier `who`. Answers whether it had anything to do.
    pub(super) fn courier_step(&mut self, who: usize, rng: &mut Rng) -> Result<bool, Broken> {
        let hand = std::mem::take(&mut self.couriers[who]);
        self.couriers[who] = match hand {
            Hand::Empty => match self.send.take(rng) {
                Some(message) => Hand::Taken(message),
                None => return Ok(false),
            },
            Hand::Taken(message) => self.ask_the_gate(who, message, rng)?,
            Hand::Begun(message, open) => {
                self.provider.call(&self.ledger, message.body, open.number)?;
                self.seen("step", "called the provider");
                if self.ledger.flaw == Some(Flaw::CourierAcksFirst) {
                    self.settle(&message, Some(&open))?;
                }
                Hand::Calling(message, open)
            }
            Hand::Calling(message, open) => self.hear(message, open, rng)?,
            Hand::Answered(message, open, sent) => self.record(message, open, sent, rng)?,
            Hand::Looking(message, open) => self.look(message, open, rng),
            Hand::Looked(message, open, found) => self.record_look(message, open, found, rng)?,
            Hand::Done(message, held) => {
                self.settle(&message, held.as_deref())?;
                Hand::Empty
            }
        };
        Ok(true)
    }

    /// The queue forgets last: by then the rows say how it goes on.
    fn settle(&mut self, message: &Message, held: Option<&OpenAttempt>) -> Kept {
        if let Some(open) = held
            && let Some(stored) = self.ledger.notification(message.body)
        {
            let row = &stored.notification;
            let unrecorded = row.state == NotificationState::Sending
                && row.fence == open.snapshot.notification.fence;
            promise!(!unrecorded, "the queue forgot {} before its outcome was kept", row.id);
        }
        self.send.settle(message.tag);
        Ok(())
    }

    fn ask_the_gate(
        &mut self,
        who: usize,
        message: Message,
        rng: &mut Rng,
    ) -> Result<Hand, Broken> {
        let id = message.body;
        if self.ledger.flaw == Some(Flaw::GateSkippedOnRedelivery)
            && message.redelivered
            && let Some(stored) = self.ledger.notification(id)
        {
            self.provider.call(&self.ledger, id, stored.notification.attempts)?;
        }
        let luck = self.luck(rng);
        if luck == Luck::Down {
            return Ok(Hand::Taken(message));
        }
        let request = BeginRequest { notification_id: id, worker: worker(who), lease: LEASE };
        let begin = self.ledger.begin(&request, &self.terms)?;
        self.after_commit();
        self.say(|| format!("courier {who} asks for {id}: {}", spoken(&begin)));
        if luck == Luck::AnswerLost {
            // It was committed and nobody knows: the worker asks again.
            return Ok(Hand::Taken(message));
        }
        Ok(match begin {
            Begin::NotNow => {
                self.seen("gate", "not now");
                Hand::Done(message, None)
            }
            Begin::NotSent { state, reason, .. } => {
                self.seen("gate state", state.as_str());
                self.seen("gate reason", reason.as_str());
                Hand::Done(message, None)
            }
            Begin::Send(open) => {
                self.seen("gate", if open.number > 1 { "send again" } else { "send" });
                Hand::Begun(message, open)
            }
            Begin::LookUp(open) => {
                self.seen("gate", "look up");
                Hand::Looking(message, open)
            }
        })
    }

    /// Renews the lease, or hears what the provider says, or gives up waiting.
    fn hear(
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

    fn record(
        &mut self,
        message: Message,
        open: Box<OpenAttempt>,
        sent: Sent,
        rng: &mut Rng,
    ) -> Result<Hand, Broken> {
        let luck = self.luck(rng);
        if luck == Luck::Down {
            if !self.calm && rng.u8(..4) == 0 {
                self.seen("fault", "an outcome was never recorded");
                return Ok(Hand::Done(message, None));
            }
            return Ok(Hand::Answered(message, open, sent));
        }
        let mut request = FinishRequest {
            notification_id: message.body,
            number: open.number,
            fence: open.snapshot.notification.fence,
            sent: sent.clone(),
            took: Duration::from_secs(1),
            jitter: rng.f64(),
        };
        if self.ledger.flaw == Some(Flaw::RetriesBlindly)
            && matches!(sent.outcome, Outcome::Unknown { .. })
        {
            let reason = Reason::TemporaryRefusal;
            request.sent = Outcome::Deferred { reason, retry_after: None }.into();
        }
        let finished = self.ledger.finish(&request, &self.terms)?;
        self.after_commit();
        self.note_finished(&finished);
        if luck == Luck::AnswerLost {
            return Ok(Hand::Answered(message, open, sent));
        }
        Ok(Hand::Done(message, Some(open)))
    }

    fn look(&mut self, message: Message, open: Box<OpenAttempt>, rng: &mut Rng) -> Hand {
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

    fn record_look(
        &mut self,
        message: Message,
        open: Box<OpenAttempt>,
        found: LookUp,
        rng: &mut Rng,
    ) -> Result<Hand, Broken> {
        let luck = self.luck(rng);
        if luck == Luck::Down {
            return Ok(Hand::Looked(message, open, found));
        }
        let request = LookUpRequest {
            notification_id: message.body,
            number: open.number,
            fence: open.snapshot.notification.fence,
            found: found.clone(),
        };
        let finished = self.ledger.finish_look_up(&request, self.terms.now)?;
        self.after_commit();
        self.note_finished(&finished);
        if luck == Luck::AnswerLost {
            return Ok(Hand::Looked(message, open, found));
        }
        Ok(Hand::Done(message, None))
    }
}

fn spoken(begin: &Begin) -> String {
    match begin {
        Begin::NotNow => "not now".to_owned(),
        Begin::Send(open) => format!("send attempt {}", open.number),
        Begin::LookUp(open) => format!("look for attempt {}", open.number),
        Begin::NotSent { state, reason, .. } => format!("not sent, {state}, {reason}"),
    }
}
