//! What a signal changes: dedupe is the store's (one row per event id), the rest is decided
//! here. Open a case, join the open one, close it, or only take note.

use crate::account::{Account, Channel, Contact};
use crate::attempt::Reason;
use crate::case::{Case, CloseReason, HoldReason};
use crate::id::{CaseId, ContactId, NotificationId, StepId};
use crate::notification::{NewNotification, NonSend};
use crate::policy::{EnabledChannels, Rules, Step};
use crate::signal::{Signal, SignalKind};
use crate::time::after;
use crate::words::words;
use jiff::Timestamp;
use std::time::Duration;

/// What the store knows about the signal's account, read in the transaction that writes.
#[derive(Debug, Clone, Default)]
pub struct AccountSnapshot {
    /// The account, if registered.
    pub account: Option<Account>,
    /// Its one open case.
    pub open_case: Option<Case>,
    /// When its last case was closed.
    pub last_closed_at: Option<Timestamp>,
    /// What the open case has planned already.
    pub planned: Vec<(StepId, ContactId)>,
}

words! {
    /// What became of a signal: column, metric label and log field.
    pub enum SignalResult {
        /// It opened a case.
        Opened = "opened",
        /// It joined the open case.
        Joined = "joined",
        /// It closed the open case.
        Closed = "closed",
        /// The same event was applied before.
        Duplicate = "duplicate",
        /// The same event id came with another content: kept as a dead letter.
        IdReused = "id_reused",
        /// It tells of a time before the last repair.
        Stale = "stale",
        /// There was nothing it could change.
        Noted = "noted",
    }
}

/// A step that plans nothing for somebody, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedNonSend {
    /// The step.
    pub step: Option<StepId>,
    /// The contact, when it is about one.
    pub contact_id: Option<ContactId>,
    /// What was decided.
    pub decision: NonSend,
    /// Why.
    pub reason: Reason,
}

/// Notifications to insert, and the reasons for those that are not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To insert; an id that exists already is left as it is.
    pub notifications: Vec<NewNotification>,
    /// To record.
    pub non_sends: Vec<PlannedNonSend>,
}

/// The change a signal makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalDecision {
    /// Open this case and plan this.
    Open {
        /// The new case.
        case: Box<Case>,
        /// Its plan.
        plan: Plan,
    },
    /// Count the signal into the open case; raise its kind and plan more when it got worse.
    Join {
        /// The open case.
        case_id: CaseId,
        /// The gravest thing said so far.
        kind: SignalKind,
        /// More to plan, usually empty.
        plan: Plan,
    },
    /// Close the open case; everything still planned is cancelled.
    Close {
        /// The open case.
        case_id: CaseId,
        /// Why.
        reason: CloseReason,
    },
    /// Change nothing.
    Note(SignalResult),
}

impl SignalDecision {
    /// The word for what became of the signal.
    pub fn result(&self) -> SignalResult {
        match self {
            Self::Open { .. } => SignalResult::Opened,
            Self::Join { .. } => SignalResult::Joined,
            Self::Close { .. } => SignalResult::Closed,
            Self::Note(result) => *result,
        }
    }
}

/// Decides what `signal` changes.
pub fn decide(
    signal: &Signal,
    snapshot: &AccountSnapshot,
    rules: &Rules,
    now: Timestamp,
) -> SignalDecision {
    match (signal.kind, &snapshot.open_case) {
        (SignalKind::Repaired, Some(case)) => {
            SignalDecision::Close { case_id: case.id, reason: CloseReason::Repaired }
        }
        (SignalKind::Repaired, None) => SignalDecision::Note(SignalResult::Noted),
        (SignalKind::LoginRequired | SignalKind::PasswordChangeWarning, Some(case)) => {
            join(signal, case, snapshot, rules, now)
        }
        (SignalKind::LoginRequired | SignalKind::PasswordChangeWarning, None) => {
            // Late news of something that was mended since must not bother anybody again.
            if snapshot.last_closed_at.is_some_and(|closed| signal.occurred_at <= closed) {
                return SignalDecision::Note(SignalResult::Stale);
            }
            open(signal, snapshot, rules, now)
        }
    }
}

fn open(
    signal: &Signal,
    snapshot: &AccountSnapshot,
    rules: &Rules,
    now: Timestamp,
) -> SignalDecision {
    let case = Case {
        id: CaseId::opened_by(&signal.event_id),
        account_ref: signal.account_ref.clone(),
        kind: signal.kind,
        opened_at: now,
        expires_at: after(now, rules.policy.expire),
        hold: snapshot.account.is_none().then_some(HoldReason::NoAccount),
        closed_at: None,
        close_reason: None,
        signals: 1,
        emr_instance_domain: signal.emr_instance_domain.clone(),
        error_type: signal.error_type.clone(),
    };
    let plan = match &snapshot.account {
        Some(account) => plan_steps(&case, account, &snapshot.planned, rules, now),
        None => Plan {
            notifications: Vec::new(),
            non_sends: vec![PlannedNonSend {
                step: None,
                contact_id: None,
                decision: NonSend::Held,
                reason: Reason::NoAccount,
            }],
        },
    };
    SignalDecision::Open { case: Box::new(case), plan }
}

fn join(
    signal: &Signal,
    case: &Case,
    snapshot: &AccountSnapshot,
    rules: &Rules,
    now: Timestamp,
) -> SignalDecision {
    let worse =
        case.kind == SignalKind::PasswordChangeWarning && signal.kind == SignalKind::LoginRequired;
    let kind = if worse { signal.kind } else { case.kind };
    let plan = match &snapshot.account {
        Some(account) if worse => {
            // The steps of a broken login start now, not when the warning came.
            let raised = Case { kind, opened_at: now, ..case.clone() };
            plan_steps(&raised, account, &snapshot.planned, rules, now)
        }
        Some(_) | None => Plan::default(),
    };
    SignalDecision::Join { case_id: case.id, kind, plan }
}

/// Plans every step of the policy for `case`, leaving out what is planned already. Also used
/// when an account arrives or changes while its case is open.
pub fn plan_steps(
    case: &Case,
    account: &Account,
    planned: &[(StepId, ContactId)],
    rules: &Rules,
    now: Timestamp,
) -> Plan {
    let start = after(case.opened_at, rules.policy.settle).max(now);
    let mut plan = Plan::default();
    for step in steps_for(case.kind, rules) {
        let contacts: Vec<&Contact> =
            account.contacts.iter().filter(|contact| contact.role == step.to).collect();
        if contacts.is_empty() {
            plan.non_sends.push(skipped(&step, None, Reason::NoContact));
        }
        for contact in contacts {
            if planned.iter().any(|(id, who)| *id == step.id && *who == contact.id) {
                continue;
            }
            let planned_for = after(start, step.at);
            match first_usable(&step.channels, contact, rules.channels) {
                _ if planned_for > case.expires_at => {
                    plan.non_sends.push(skipped(&step, Some(contact), Reason::CaseExpired));
                }
                None => {
                    plan.non_sends.push(skipped(&step, Some(contact), Reason::NoUsableChannel));
                }
                Some(channel) => plan.notifications.push(NewNotification {
                    id: NotificationId::derive(case.id, &step.id, &contact.id, channel),
                    case_id: case.id,
                    account_ref: case.account_ref.clone(),
                    step: step.id.clone(),
                    channel,
                    contact_id: contact.id.clone(),
                    planned_for,
                }),
            }
        }
    }
    plan
}

/// The step id of the one message that a password-change warning gets.
pub const WARNING_STEP: &str = "warning";

/// The steps a case of this kind takes. A warning is softer: the account still works, so there
/// is one email to its user and nothing else.
pub(crate) fn steps_for(kind: SignalKind, rules: &Rules) -> Vec<Step> {
    match kind {
        SignalKind::LoginRequired | SignalKind::Repaired => rules.policy.steps.clone(),
        SignalKind::PasswordChangeWarning => StepId::parse(WARNING_STEP)
            .map(|id| Step {
                id,
                at: Duration::ZERO,
                to: crate::account::Role::User,
                channels: vec![Channel::Email],
            })
            .into_iter()
            .collect(),
    }
}

fn skipped(step: &Step, contact: Option<&Contact>, reason: Reason) -> PlannedNonSend {
    PlannedNonSend {
        step: Some(step.id.clone()),
        contact_id: contact.map(|contact| contact.id.clone()),
        decision: NonSend::Skipped,
        reason,
    }
}

fn first_usable(
    channels: &[Channel],
    contact: &Contact,
    enabled: EnabledChannels,
) -> Option<Channel> {
    channels
        .iter()
        .copied()
        .find(|channel| enabled.has(*channel) && contact.address_on(*channel).is_some())
}

/// The channel after `failed` in the step's order that works for `contact`, if any.
pub fn next_channel(
    step: &StepId,
    failed: Channel,
    contact: &Contact,
    rules: &Rules,
) -> Option<Channel> {
    let step =
        rules.policy.steps.iter().find(|candidate| candidate.id.as_str() == step.policy_step())?;
    let position = step.channels.iter().position(|channel| *channel == failed)?;
    first_usable(step.channels.get(position + 1..)?, contact, rules.channels)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(crate) mod tests;
