//! The circuit breaker of one provider: a channel whose provider is out of order, or refuses our
//! set-up, is left alone but for one try at a time, so that an outage spends no message's tries.
//!
//! Pure: `now` is the time on any clock that only goes forward, `jitter` is drawn by the caller.
//! Promised: at most one probe is under way; every state has a way out; what a send begun before
//! the last change turns out to be changes nothing.

use crate::attempt::{DeferralClass, Outcome, Reason};
use crate::sender::LookUp;
use std::time::Duration;

/// Faults of the provider in a row that open the breaker. One alone is anybody's bad luck.
pub const FAULTS_TO_OPEN: u32 = 3;

/// Between two probes of a provider that is out of order, unless it says itself when to come back.
pub const PROBE_EVERY: Duration = Duration::from_secs(30);

/// Between two probes of a set-up that is refused: somebody has to mend it first, and a provider
/// may lock out who knocks too often.
pub const PROBE_SETUP_EVERY: Duration = Duration::from_secs(5 * 60);

/// The longest wait that a provider's own wish can make; then it is asked again.
pub const LONGEST_WISH: Duration = Duration::from_secs(60 * 60);

/// How long sends are spread after a return.
pub const RETURN: Duration = Duration::from_secs(60);

/// Between two sends just after a return; halved every [`RETURN_STEP`]: 10 a second at first, 320
/// at last.
const RETURN_SPACING: Duration = Duration::from_millis(100);

/// How long a spacing holds.
const RETURN_STEP: Duration = Duration::from_secs(10);

/// Sends that may go together after a return.
const RETURN_BURST: u32 = 10;

/// The share of a wait that jitter may add, so that many workers do not probe in step.
const JITTER_SHARE: f64 = 0.10;

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The provider is out of order, and will come back by itself.
    Provider,
    /// Our set-up is refused: somebody has to mend it.
    Configuration,
}

/// Why nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// Who has to act.
    pub fault: Fault,
    /// What was met last.
    pub reason: Reason,
}

/// What a delivery showed about the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It answered as it should, whatever it said of the message.
    Works,
    /// It did not.
    Fault {
        /// What was met.
        trouble: Trouble,
        /// When the provider wants to be asked again, if it said so.
        wish: Option<Duration>,
    },
    /// It was not asked, or not for a send.
    Nothing,
}

impl Evidence {
    /// Of a send. No answer counts as a fault: nobody gains by more messages in doubt.
    pub fn of_send(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted | Outcome::Rejected { .. } => Self::Works,
            Outcome::Deferred { reason, retry_after } => match reason.deferral_class() {
                DeferralClass::Provider | DeferralClass::Configuration => {
                    Self::Fault { trouble: trouble(*reason), wish: *retry_after }
                }
                DeferralClass::Transient | DeferralClass::Soft => Self::Works,
            },
            // Our own fault says nothing of the provider.
            Outcome::Unknown { reason: Reason::Crashed } => Self::Nothing,
            Outcome::Unknown { reason } => Self::Fault { trouble: trouble(*reason), wish: None },
        }
    }

    /// Of a look at the provider's list. One that can be read does not show that it would send.
    pub fn of_look_up(found: &LookUp) -> Self {
        match found {
            LookUp::Found { .. } | LookUp::Refused { .. } | LookUp::Absent => Self::Nothing,
            // Nobody was asked: the channel is switched off.
            LookUp::Unavailable { reason: Reason::NoUsableChannel } => Self::Nothing,
            LookUp::Unavailable { reason } => Self::Fault { trouble: trouble(*reason), wish: None },
        }
    }
}

fn trouble(reason: Reason) -> Trouble {
    let fault = match reason.deferral_class() {
        DeferralClass::Configuration => Fault::Configuration,
        DeferralClass::Provider | DeferralClass::Transient | DeferralClass::Soft => Fault::Provider,
    };
    Trouble { fault, reason }
}

/// Leave to deliver one message; given back with what it showed, or with [`Evidence::Nothing`].
#[derive(Debug, PartialEq, Eq)]
pub struct Pass {
    era: u64,
}

/// The answer to a delivery that wants to go.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// Go.
    Go(Pass),
    /// Ask again at this time.
    NotBefore(Duration),
    /// A probe is under way: ask again when it has ended.
    AfterTheProbe,
}

/// What the end of a delivery changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that anybody has to hear of.
    None,
    /// Nothing is sent from now on; or the trouble is another one now.
    Opened(Trouble),
    /// Sends go on.
    Closed,
}

#[derive(Debug)]
enum State {
    Closed { faults: u32 },
    Open { trouble: Trouble, probe_at: Duration },
    Probing { trouble: Trouble },
}

/// The breaker.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// Rises with every change of state: a pass of an earlier one counts no more.
    era: u64,
    returning: Option<Returning>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { faults: 0 }, era: 0, returning: None }
    }
}

impl Breaker {
    /// Whether a message may be delivered now. Never asks twice for one that goes.
    pub fn admit(&mut self, now: Duration) -> Admission {
        match self.state {
            State::Closed { .. } => {
                if let Err(at) = self.returning.as_mut().map_or(Ok(()), |it| it.admit(now)) {
                    return Admission::NotBefore(at);
                }
            }
            State::Open { probe_at, .. } if now < probe_at => {
                return Admission::NotBefore(probe_at);
            }
            State::Open { trouble, .. } => self.enter(State::Probing { trouble }),
            State::Probing { .. } => return Admission::AfterTheProbe,
        }
        Admission::Go(Pass { era: self.era })
    }

    /// A delivery has ended, or at least its send.
    pub fn ended(&mut self, pass: &Pass, evidence: Evidence, jitter: f64, now: Duration) -> Change {
        if pass.era != self.era {
            return Change::None;
        }
        match (&mut self.state, evidence) {
            (State::Closed { faults }, Evidence::Works) => {
                *faults = 0;
                Change::None
            }
            (State::Closed { faults }, Evidence::Fault { trouble, wish }) => {
                *faults = faults.saturating_add(1);
                if trouble.fault == Fault::Provider && *faults < FAULTS_TO_OPEN {
                    return Change::None;
                }
                self.open(trouble, now + wait(trouble, wish, jitter));
                Change::Opened(trouble)
            }
            (State::Closed { .. }, Evidence::Nothing) => {
                if let Some(returning) = &mut self.returning {
                    returning.give_back(now);
                }
                Change::None
            }
            (State::Probing { .. } | State::Open { .. }, Evidence::Works) => {
                self.returning = Some(Returning { since: now, paid_to: now });
                self.enter(State::Closed { faults: 0 });
                Change::Closed
            }
            (
                State::Probing { trouble: before } | State::Open { trouble: before, .. },
                Evidence::Fault { trouble, wish },
            ) => {
                let other = before.fault != trouble.fault;
                self.open(trouble, now + wait(trouble, wish, jitter));
                if other { Change::Opened(trouble) } else { Change::None }
            }
            // The next delivery is the probe then.
            (State::Probing { trouble } | State::Open { trouble, .. }, Evidence::Nothing) => {
                let trouble = *trouble;
                self.open(trouble, now);
                Change::None
            }
        }
    }

    /// Why nothing is sent; `None` while sends go.
    pub fn trouble(&self) -> Option<Trouble> {
        match self.state {
            State::Closed { .. } => None,
            State::Open { trouble, .. } | State::Probing { trouble } => Some(trouble),
        }
    }

    fn open(&mut self, trouble: Trouble, probe_at: Duration) {
        self.enter(State::Open { trouble, probe_at });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

/// How long after a fault the next probe goes.
fn wait(trouble: Trouble, wish: Option<Duration>, jitter: f64) -> Duration {
    let least = match trouble.fault {
        Fault::Provider => wish.unwrap_or(PROBE_EVERY).max(Duration::from_secs(1)),
        Fault::Configuration => wish.unwrap_or_default().max(PROBE_SETUP_EVERY),
    };
    least.min(LONGEST_WISH).mul_f64(1.0 + JITTER_SHARE * jitter.clamp(0.0, 1.0))
}

/// A token bucket for the first minute after a return, so that everything that waited does not
/// fall on the provider at once. Kept as the time up to which tokens are spent.
#[derive(Debug)]
struct Returning {
    since: Duration,
    paid_to: Duration,
}

impl Returning {
    fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let Some(spacing) = self.spacing(now) else { return Ok(()) };
        let credit = spacing * RETURN_BURST;
        if self.paid_to >= now + credit {
            return Err(self.paid_to.saturating_sub(credit) + Duration::from_millis(1));
        }
        self.paid_to = self.paid_to.max(now) + spacing;
        Ok(())
    }

    /// Its message was not sent after all.
    fn give_back(&mut self, now: Duration) {
        self.paid_to = self.paid_to.saturating_sub(self.spacing(now).unwrap_or_default());
    }

    /// `None` once the return is over.
    fn spacing(&self, now: Duration) -> Option<Duration> {
        let elapsed = now.saturating_sub(self.since);
        let steps = u32::try_from(elapsed.as_secs() / RETURN_STEP.as_secs()).ok()?;
        (elapsed < RETURN).then(|| RETURN_SPACING / 1_u32.checked_shl(steps).unwrap_or(1))
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
