//! The breaker at work: deliveries wait here for leave to go, each send says what it showed of
//! the provider, and what changes is logged once and shown as gauges.
//!
//! One for each channel in each process. A delivery that waits here has cost nothing: no attempt
//! is written, and its notification's `due_at` stays. One more is before Cobalt, for all channels:
//! nobody waits there (`Circuit::room_now`), since a message is put off rather than held.

use crate::metrics::Metrics;
use crate::patience::jitter;
use relink_core::account::Channel;
use relink_core::attempt::Reason;
use relink_core::breaker::{Admission, Breaker, Change, Evidence, Fault, Pass, Trouble};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Who is behind a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// The provider of a channel.
    Channel(Channel),
    /// Cobalt, asked whether accounts work.
    Cobalt,
}

impl Behind {
    /// Its name in `/readyz` and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Channel(channel) => channel.as_str(),
            Self::Cobalt => "cobalt",
        }
    }
}

/// The breaker of a provider.
#[derive(Debug)]
pub struct Circuit {
    behind: Behind,
    metrics: Metrics,
    breaker: Mutex<Breaker>,
    /// Told whenever something ended that others may wait for.
    changed: Notify,
    /// Where the breaker's time starts.
    origin: Instant,
}

impl Circuit {
    /// Closed, as long as nothing speaks against it.
    pub fn new(channel: Channel, metrics: Metrics) -> Arc<Self> {
        Self::before(Behind::Channel(channel), metrics)
    }

    /// The same before whoever is asked.
    pub fn before(behind: Behind, metrics: Metrics) -> Arc<Self> {
        metrics.circuit(behind, None);
        Arc::new(Self {
            behind,
            metrics,
            breaker: Mutex::default(),
            changed: Notify::new(),
            origin: Instant::now(),
        })
    }

    /// Why nothing is sent or asked just now, for people; `None` while it goes.
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble().map(|trouble| match (trouble.fault, self.behind) {
            (Fault::Provider, Behind::Channel(_)) => {
                format!("its provider is out of order ({}); sends wait", trouble.reason)
            }
            (Fault::Provider, Behind::Cobalt) => {
                format!("it does not answer ({}); messages are put off", trouble.reason)
            }
            (Fault::Configuration, behind) => {
                format!("paused ({}): {}", trouble.reason, remedy(behind, trouble.reason))
            }
        })
    }

    /// Whose.
    pub fn behind(&self) -> Behind {
        self.behind
    }

    /// Waits until a delivery may go, however long that is. Cancel-safe.
    pub(crate) async fn room(self: &Arc<Self>) -> Leave {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no end goes unnoticed.
            changed.as_mut().enable();
            let admission = self.lock().admit(self.now());
            match admission {
                Admission::Go(pass) => {
                    return Leave { circuit: Arc::clone(self), pass: Some(pass) };
                }
                Admission::AfterTheProbe => changed.await,
                Admission::NotBefore(at) => tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep_until(self.origin + at) => {}
                },
            }
        }
    }

    /// The same for a call that has something better to do than to wait: `None` at once while the
    /// breaker is open. Waits only for its turn just after a return. Cancel-safe.
    pub(crate) async fn room_now(self: &Arc<Self>) -> Option<Leave> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let (admission, open) = {
                let mut breaker = self.lock();
                (breaker.admit(self.now()), breaker.trouble().is_some())
            };
            match admission {
                Admission::Go(pass) => {
                    return Some(Leave { circuit: Arc::clone(self), pass: Some(pass) });
                }
                Admission::NotBefore(_) | Admission::AfterTheProbe if open => return None,
                Admission::AfterTheProbe => changed.await,
                Admission::NotBefore(at) => tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep_until(self.origin + at) => {}
                },
            }
        }
    }

    fn ended(&self, pass: &Pass, evidence: Evidence) {
        let (change, trouble) = {
            let mut breaker = self.lock();
            let change = breaker.ended(pass, evidence, jitter(), self.now());
            (change, breaker.trouble())
        };
        match change {
            Change::None => {}
            Change::Opened(trouble) => self.say(trouble),
            Change::Closed => {
                let provider = self.behind.as_str();
                tracing::info!(channel = provider, "the provider works: what waited goes on");
            }
        }
        if change != Change::None {
            self.metrics.circuit(self.behind, trouble);
        }
        self.changed.notify_waiters();
    }

    fn say(&self, Trouble { fault, reason }: Trouble) {
        let remedy = remedy(self.behind, reason);
        match (fault, self.behind) {
            (Fault::Provider, Behind::Channel(channel)) => tracing::warn!(
                %channel, %reason,
                "the provider is out of order: sends wait, and one is tried now and then"
            ),
            (Fault::Configuration, Behind::Channel(channel)) => tracing::error!(
                %channel, %reason, remedy,
                "the channel is paused: the provider refuses its set-up; sends wait, and one is \
                 tried every few minutes; what is not mended within [policy] late_by_max of its \
                 time is not sent, and goes on record as late"
            ),
            (Fault::Provider, Behind::Cobalt) => tracing::warn!(
                %reason,
                "Cobalt cannot say whether accounts work: messages are put off, and it is asked \
                 now and then"
            ),
            (Fault::Configuration, Behind::Cobalt) => tracing::error!(
                %reason, remedy,
                "Cobalt refuses to say whether accounts work: every message is put off for \
                 [cobalt] probe_patience and then goes out unasked"
            ),
        }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        // Each change in there is complete by itself.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave for one delivery. Dropped without a word, by a panic too, it has shown nothing, and
/// another delivery may go in its place.
#[derive(Debug)]
pub(crate) struct Leave {
    circuit: Arc<Circuit>,
    pass: Option<Pass>,
}

impl Leave {
    /// What the provider did. As soon as it is known: recording it may take long.
    pub(crate) fn showed(&mut self, evidence: Evidence) {
        if let Some(pass) = self.pass.take() {
            self.circuit.ended(&pass, evidence);
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.showed(Evidence::Nothing);
    }
}

/// What to do about a refused set-up.
fn remedy(behind: Behind, reason: Reason) -> &'static str {
    let channel = match behind {
        Behind::Cobalt => return "mend [cobalt] client_id, client_secret and api_url, and restart",
        Behind::Channel(channel) => channel,
    };
    let email = match channel {
        Channel::Email => true,
        // Nothing outside is asked to tell the app, so nothing there can refuse.
        Channel::Sms | Channel::InApp => false,
    };
    if reason == Reason::AccountSuspended {
        "ask the provider why it has suspended the account"
    } else if reason == Reason::SenderRefused && email {
        "let the relay accept [email] from, or change it and restart"
    } else if reason == Reason::SenderRefused {
        "let the provider accept [sms] from or messaging_service_sid, or change it and restart"
    } else if email {
        "mend [email.smtp] username and password, and restart"
    } else {
        "mend [sms] account_sid, api_user, auth_token and api_url, and restart"
    }
}
