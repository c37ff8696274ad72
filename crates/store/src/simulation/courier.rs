//! The courier as a machine that can be stopped between any two of its steps: take, ask the
//! gate, call the provider, hear its answer, record, let the queue forget.

use super::flaw::Flaw;
use super::people::{LEASE, worker};
use super::promises::{Broken, Kept, promise};
use super::queue::Taken;
use super::world::{Luck, World};
use crate::{Begin, BeginRequest, FinishRequest, LookUpRequest, OpenAttempt};
use fastrand::Rng;
use relink_core::attempt::{Outcome, Reason};
use relink_core::id::NotificationId;
use relink_core::notification::NotificationState;
use relink_core::sender::{LookUp, Sent};
use std::time::Duration;

pub(super) type Message = Taken<NotificationId>;

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
        if !self.calm
            && rng.u8(..8) == 0
            && let Some(later) = self.cobalt_is_silent(&message, rng)?
        {
            return Ok(later);
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

/// The answer of the gate in words.
pub(super) fn spoken(begin: &Begin) -> String {
    match begin {
        Begin::NotNow => "not now".to_owned(),
        Begin::Send(open) => format!("send attempt {}", open.number),
        Begin::LookUp(open) => format!("look for attempt {}", open.number),
        Begin::NotSent { state, reason, .. } => format!("not sent, {state}, {reason}"),
    }
}
