//! What follows from an outcome: the end, another try, another channel, a look-up, an operator.

use crate::account::{Channel, Contact};
use crate::attempt::{DeferralClass, Outcome, Reason};
use crate::gate::{LOOK_UP_DELAY, MAX_DOUBTS};
use crate::id::NotificationId;
use crate::notification::{NewNotification, Notification, NotificationState};
use crate::plan::next_channel;
use crate::policy::{OnUnknown, Rules};
use crate::retry;
use crate::sender::LookUp;
use crate::time::after;
use jiff::Timestamp;

/// How a notification goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    /// Its state from now on.
    pub state: NotificationState,
    /// Why.
    pub reason: Reason,
    /// When it is looked at again; `None` at an end.
    pub due_at: Option<Timestamp>,
    /// Whether the attempt counts against the schedule.
    pub spends_a_try: bool,
    /// The same step over its next channel, when this channel cannot reach the person.
    pub advance: Option<NewNotification>,
}

impl NextStep {
    fn end(state: NotificationState, reason: Reason) -> Self {
        Self { state, reason, due_at: None, spends_a_try: true, advance: None }
    }

    fn again(reason: Reason, due_at: Timestamp, spends_a_try: bool) -> Self {
        Self {
            state: NotificationState::Planned,
            reason,
            due_at: Some(due_at),
            spends_a_try,
            advance: None,
        }
    }
}

/// Decides how `notification`, as it was when the attempt began, goes on after `outcome`.
/// `jitter` is drawn by the caller, 0.0 to 1.0.
pub fn after_attempt(
    outcome: &Outcome,
    notification: &Notification,
    contact: Option<&Contact>,
    rules: &Rules,
    jitter: f64,
    now: Timestamp,
) -> NextStep {
    match outcome {
        Outcome::Accepted => NextStep::end(NotificationState::Sent, Reason::Accepted),
        Outcome::Deferred { reason, retry_after } => {
            // The try in hand counts from here on.
            let spent = notification.spent + 1;
            match reason.deferral_class() {
                DeferralClass::Provider | DeferralClass::Configuration => {
                    let wait = retry::out_of_order_wait(*retry_after, jitter);
                    NextStep::again(*reason, after(now, wait), false)
                }
                DeferralClass::Transient => match retry::wait_after(spent, jitter) {
                    Some(wait) => {
                        let wait = retry::at_least_the_wish(wait, *retry_after);
                        NextStep::again(*reason, after(now, wait), true)
                    }
                    None => NextStep::end(NotificationState::Dead, Reason::RetriesExhausted),
                },
                DeferralClass::Soft => match retry::soft_wait_after(spent, jitter) {
                    Some(wait) => NextStep::again(*reason, after(now, wait), true),
                    None => failed(*reason, notification, contact, rules, now),
                },
            }
        }
        Outcome::Rejected { reason } if reason.ends_the_channel() => {
            failed(*reason, notification, contact, rules, now)
        }
        Outcome::Rejected { reason } => NextStep::end(NotificationState::Failed, *reason),
        Outcome::Unknown { reason } => after_doubt(*reason, notification, rules, now),
    }
}

fn failed(
    reason: Reason,
    notification: &Notification,
    contact: Option<&Contact>,
    rules: &Rules,
    now: Timestamp,
) -> NextStep {
    let advance = contact
        .and_then(|contact| next_channel(&notification.step, notification.channel, contact, rules))
        .map(|channel| on_channel(notification, channel, now));
    NextStep { advance, ..NextStep::end(NotificationState::Failed, reason) }
}

fn on_channel(notification: &Notification, channel: Channel, now: Timestamp) -> NewNotification {
    let Notification { case_id, account_ref, step, contact_id, .. } = notification.clone();
    NewNotification {
        id: NotificationId::derive(case_id, &step, &contact_id, channel),
        case_id,
        account_ref,
        step,
        channel,
        contact_id,
        planned_for: now,
    }
}

/// The answer never came. `notification.doubts` does not count this one yet.
fn after_doubt(
    reason: Reason,
    notification: &Notification,
    rules: &Rules,
    now: Timestamp,
) -> NextStep {
    let doubts = notification.doubts + 1;
    let look_at = match rules.on_unknown(notification.channel) {
        OnUnknown::Hold => None,
        OnUnknown::ResendOnce if doubts >= MAX_DOUBTS => None,
        OnUnknown::ResendOnce | OnUnknown::LookUp => Some(after(now, LOOK_UP_DELAY)),
    };
    match look_at {
        None => NextStep::end(NotificationState::Dead, Reason::InDoubt),
        Some(_) => NextStep {
            state: NotificationState::Doubtful,
            due_at: look_at,
            ..NextStep::end(NotificationState::Doubtful, reason)
        },
    }
}

/// Two looks at the provider's list, a minute apart, must both miss before a resend.
const LOOKS_BEFORE_RESEND: u32 = 2;

/// Decides how a notification in doubt goes on after a look at the provider's list.
pub fn after_look_up(found: &LookUp, notification: &Notification, now: Timestamp) -> NextStep {
    let look_again = NextStep {
        state: NotificationState::Doubtful,
        due_at: Some(after(now, LOOK_UP_DELAY)),
        spends_a_try: false,
        ..NextStep::end(
            NotificationState::Doubtful,
            notification.reason.unwrap_or(Reason::NoAnswer),
        )
    };
    match found {
        LookUp::Found { .. } => NextStep::end(NotificationState::Sent, Reason::FoundByLookUp),
        LookUp::Refused { reason } => NextStep::end(NotificationState::Failed, *reason),
        // The list is the only witness: without it, never blind.
        LookUp::Unavailable { .. } => look_again,
        LookUp::Absent if notification.looks + 1 < LOOKS_BEFORE_RESEND => look_again,
        LookUp::Absent if notification.doubts >= MAX_DOUBTS => {
            NextStep::end(NotificationState::Dead, Reason::InDoubt)
        }
        LookUp::Absent => {
            NextStep::again(notification.reason.unwrap_or(Reason::NoAnswer), now, false)
        }
    }
}

#[cfg(test)]
#[path = "next_step_tests.rs"]
mod tests;
