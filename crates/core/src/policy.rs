//! When to tell whom over which channel.

use crate::account::{Channel, Role};
use crate::app_event::Endpoint;
use crate::id::StepId;
use serde::Serialize;
use std::time::Duration;

/// One step: at a moment, to some contacts, over the first channel that works for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name, part of the identity of what it plans.
    pub id: StepId,
    /// How long after the case has settled.
    pub at: Duration,
    /// Which contacts.
    pub to: Role,
    /// In order of preference; never empty.
    pub channels: Vec<Channel>,
}

/// The whole policy. Checked when it is loaded: steps are in order of `at`, ids are unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// How long a case waits before its first step, so that a login that mends itself stays
    /// unmentioned.
    pub settle: Duration,
    /// How long after opening a case gives up.
    pub expire: Duration,
    /// How long after its planned moment a message may still go out.
    pub late_by_max: Duration,
    /// At least one.
    pub steps: Vec<Step>,
}

/// Which channels this installation can send on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EnabledChannels {
    /// `[email] enabled`.
    pub email: bool,
    /// `[sms] enabled`.
    pub sms: bool,
    /// `[in_app] enabled`.
    pub in_app: bool,
}

impl EnabledChannels {
    /// Whether `channel` can be used here.
    pub fn has(self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.email,
            Channel::Sms => self.sms,
            Channel::InApp => self.in_app,
        }
    }
}

/// What to do when a provider gave no answer and the message may have gone out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// Send once more under the same `Message-ID`.
    ResendOnce,
    /// Search the provider's list; send once more only when it is not there.
    LookUp,
    /// Leave it to the next step and to the operator.
    Hold,
}

/// Everything a decision about sending needs to know of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The policy.
    pub policy: Policy,
    /// Usable channels.
    pub channels: EnabledChannels,
    /// `[email] on_unknown`.
    pub email_on_unknown: OnUnknown,
    /// `[sms] on_unknown`.
    pub sms_on_unknown: OnUnknown,
    /// Where the customer's app is told of its cases; without any, no event is written.
    pub app: Vec<Endpoint>,
}

impl Rules {
    /// What to do with a doubt on `channel`.
    pub fn on_unknown(&self, channel: Channel) -> OnUnknown {
        match channel {
            Channel::Email => self.email_on_unknown,
            Channel::Sms => self.sms_on_unknown,
            // Telling the app again tells nobody twice: it shows the case, not the telling.
            Channel::InApp => OnUnknown::ResendOnce,
        }
    }
}
