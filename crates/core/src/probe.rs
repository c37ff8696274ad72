//! Whether Cobalt is asked about an account before a message goes out, and what its answers show
//! of Cobalt itself. Pure: the answer comes in as an argument, so does the time.

use crate::account::Channel;
use crate::attempt::Reason;
use crate::breaker::{Evidence, FAULTS_TO_OPEN, Fault, Trouble};
use crate::case::Case;
use crate::gate::{GateSnapshot, Verdict, gate};
use crate::policy::Rules;
use crate::signal::SignalKind;
use crate::words::words;
use jiff::Timestamp;

words! {
    /// What made Relink ask.
    pub enum ProbeWhen {
        /// A message was about to be sent.
        BeforeSend = "before_send",
        /// Somebody said a while ago that the account works.
        Recheck = "recheck",
    }
}

words! {
    /// What came of it.
    pub enum ProbeResult {
        /// Cobalt answers for the account.
        Healthy = "healthy",
        /// Cobalt wants it linked again.
        LoginRequired = "login_required",
        /// Nobody knows.
        Unknown = "unknown",
        /// There was nothing to ask: the answer would have proven nothing.
        Skipped = "skipped",
    }
}

/// What to do about a message before its gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeforeSend {
    /// Ask Cobalt first.
    Ask,
    /// It goes out unasked: an answer would say nothing, or the message costs nobody anything.
    Skip,
    /// The gate would not send it, whatever Cobalt says.
    LeaveToGate,
}

/// Whether Cobalt is asked before the message of `snapshot` goes out. Only what the gate would send
/// now is worth a call: no look-up of a doubt, nothing held, late, early or ended.
pub fn before_send(snapshot: &GateSnapshot, rules: &Rules, now: Timestamp) -> BeforeSend {
    match gate(snapshot, rules, now) {
        Verdict::Send { .. } if !shows_anything(&snapshot.case) => BeforeSend::Skip,
        Verdict::Send { .. } => match snapshot.notification.channel {
            Channel::Email | Channel::Sms => BeforeSend::Ask,
            Channel::InApp => BeforeSend::Skip,
        },
        Verdict::NotNow
        | Verdict::LookUp { .. }
        | Verdict::Doubt { .. }
        | Verdict::End { .. }
        | Verdict::Park { .. } => BeforeSend::LeaveToGate,
    }
}

/// Whether an account that works is news: an account that is only warned about has worked all the
/// time.
pub fn shows_anything(case: &Case) -> bool {
    match case.kind {
        SignalKind::LoginRequired | SignalKind::Repaired => true,
        SignalKind::PasswordChangeWarning => false,
    }
}

/// How a call to Cobalt ended, as far as it tells of Cobalt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// With what was asked for, or with the word that the account has to be linked again.
    Understood,
    /// With this status, and without that word.
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// With something that is not Cobalt's.
    Unreadable,
    /// Not at all.
    NoAnswer,
    /// Nobody was asked.
    NotAsked,
}

impl Answered {
    /// What it shows. A refusal that is about this one account shows that Cobalt works.
    pub fn evidence(self) -> Evidence {
        let fault =
            |fault, reason| Evidence::Fault { trouble: Trouble { fault, reason }, wish: None };
        match self {
            Self::Understood => Evidence::Works,
            Self::Refused { status: 401 | 403 } => {
                fault(Fault::Configuration, Reason::CredentialsRefused)
            }
            Self::Refused { status: 429 } => fault(Fault::Provider, Reason::ProviderBusy),
            Self::Refused { status: 500.. } => fault(Fault::Provider, Reason::ProviderError),
            Self::Refused { status: _ } => Evidence::Works,
            Self::NoAnswer => fault(Fault::Provider, Reason::NoAnswer),
            Self::Unreadable | Self::NotAsked => Evidence::Nothing,
        }
    }
}

/// Refusals of our set-up in a row. Cobalt may refuse the access token of one account in the same
/// words as our own credentials, and that account must not keep all others from being asked.
#[derive(Debug, Default)]
pub struct Refusals(u32);

impl Refusals {
    /// What `evidence` shows once refusals that may be about one account are left out.
    pub fn weigh(&mut self, evidence: Evidence) -> Evidence {
        match evidence {
            Evidence::Works => {
                self.0 = 0;
                evidence
            }
            Evidence::Fault { trouble: Trouble { fault: Fault::Configuration, .. }, .. } => {
                self.0 = self.0.saturating_add(1);
                if self.0 < FAULTS_TO_OPEN { Evidence::Nothing } else { evidence }
            }
            Evidence::Fault { trouble: Trouble { fault: Fault::Provider, .. }, .. }
            | Evidence::Nothing => evidence,
        }
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
