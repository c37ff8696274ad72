//! May this notification be sent now? Asked in the same transaction that writes the intent, so
//! that a repair which committed first always wins.

use crate::account::{Address, Contact};
use crate::attempt::Reason;
use crate::case::{Case, CloseReason, HoldReason};
use crate::notification::{NonSend, Notification, NotificationState};
use crate::policy::{OnUnknown, Rules};
use crate::time::{after, since};
use jiff::Timestamp;
use std::time::Duration;

/// How long after a doubt the provider's list is searched: sooner, it may not be there yet.
pub const LOOK_UP_DELAY: Duration = Duration::from_secs(60);

/// The most attempts in doubt one notification may have before it is left to the operator.
pub const MAX_DOUBTS: u32 = 2;

/// Everything the gate looks at, read in the transaction that writes.
#[derive(Debug, Clone)]
pub struct GateSnapshot {
    /// The notification.
    pub notification: Notification,
    /// Its case.
    pub case: Case,
    /// Its contact, if it still exists.
    pub contact: Option<Contact>,
}

/// What a worker that asks for a notification is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do: ended, held by another worker, or early. The row itself brings it back.
    NotNow,
    /// Commit the intent and send to this address.
    Send {
        /// Where to.
        address: Address,
        /// A previous attempt ended without an outcome: close it as `unknown` first.
        closes_doubt: bool,
    },
    /// Take the lease and search the provider's list for the attempt in doubt.
    LookUp {
        /// Where it went.
        address: Address,
    },
    /// A crash was found: close the attempt as `unknown` and look for it at this moment.
    Doubt {
        /// When to look.
        look_at: Timestamp,
    },
    /// Do not send: write this end and its reason.
    End {
        /// The end state.
        state: NotificationState,
        /// How it is shown on the timeline.
        decision: NonSend,
        /// Why.
        reason: Reason,
        /// A previous attempt ended without an outcome: close it as `unknown` first.
        closes_doubt: bool,
    },
    /// Leave it planned, without a moment, until somebody acts.
    Park {
        /// Why.
        reason: Reason,
    },
}

/// The gate.
pub fn gate(snapshot: &GateSnapshot, rules: &Rules, now: Timestamp) -> Verdict {
    let notification = &snapshot.notification;
    if notification.lease_until.is_some_and(|until| until > now) {
        return Verdict::NotNow;
    }
    let early = notification.due_at > now;
    let (may_send, crashed) = match notification.state {
        NotificationState::Planned if !early => (true, false),
        NotificationState::Doubtful if !early => (false, false),
        // A lease that ran out: the worker that held it is gone.
        NotificationState::Sending => (false, true),
        NotificationState::Planned
        | NotificationState::Doubtful
        | NotificationState::Sent
        | NotificationState::Skipped
        | NotificationState::Cancelled
        | NotificationState::Failed
        | NotificationState::Dead => return Verdict::NotNow,
    };

    let address = match obstacle(snapshot, rules, now) {
        Ok(address) => address,
        Err(Obstacle::End(state, decision, reason)) => {
            return Verdict::End { state, decision, reason, closes_doubt: crashed };
        }
        // A doubt under a held case stays a doubt; it is looked at once the case goes on.
        Err(Obstacle::Park(reason)) if !crashed => return Verdict::Park { reason },
        Err(Obstacle::Park(_)) => return Verdict::Doubt { look_at: after(now, LOOK_UP_DELAY) },
    };
    if may_send {
        return Verdict::Send { address, closes_doubt: false };
    }
    in_doubt(notification, address, crashed, rules, now)
}

/// An attempt has no outcome: it crashed just now, or its answer never came.
fn in_doubt(
    notification: &Notification,
    address: Address,
    crashed: bool,
    rules: &Rules,
    now: Timestamp,
) -> Verdict {
    let doubts = notification.doubts + u32::from(crashed);
    let give_up = Verdict::End {
        state: NotificationState::Dead,
        decision: NonSend::Dead,
        reason: Reason::InDoubt,
        closes_doubt: crashed,
    };
    match rules.on_unknown(notification.channel) {
        OnUnknown::Hold => give_up,
        OnUnknown::ResendOnce if doubts >= MAX_DOUBTS => give_up,
        OnUnknown::ResendOnce => Verdict::Send { address, closes_doubt: crashed },
        OnUnknown::LookUp if crashed => Verdict::Doubt { look_at: after(now, LOOK_UP_DELAY) },
        OnUnknown::LookUp => Verdict::LookUp { address },
    }
}

enum Obstacle {
    End(NotificationState, NonSend, Reason),
    Park(Reason),
}

/// Where the message may go, or the first thing that stands in its way.
fn obstacle(snapshot: &GateSnapshot, rules: &Rules, now: Timestamp) -> Result<Address, Obstacle> {
    let GateSnapshot { notification, case, contact } = snapshot;
    let skip = |reason| Err(Obstacle::End(NotificationState::Skipped, NonSend::Skipped, reason));
    let cancel =
        |reason| Err(Obstacle::End(NotificationState::Cancelled, NonSend::Cancelled, reason));
    match case.close_reason {
        Some(CloseReason::Expired) => return cancel(Reason::CaseExpired),
        Some(CloseReason::Repaired | CloseReason::AccountDeleted | CloseReason::Operator) => {
            return cancel(Reason::CaseClosed);
        }
        None if !case.is_open() => return cancel(Reason::CaseClosed),
        None => {}
    }
    if case.expires_at <= now {
        return cancel(Reason::CaseExpired);
    }
    match case.hold {
        Some(HoldReason::Operator) => return Err(Obstacle::Park(Reason::OperatorHold)),
        Some(HoldReason::NoAccount) => return Err(Obstacle::Park(Reason::NoAccount)),
        None => {}
    }
    if since(notification.planned_for, now) > rules.policy.late_by_max {
        return skip(Reason::Late);
    }
    let Some(contact) = contact else {
        return skip(Reason::ContactRemoved);
    };
    let address = contact.address_on(notification.channel);
    match address {
        Some(address) if rules.channels.has(notification.channel) => Ok(address),
        Some(_) | None => skip(Reason::NoUsableChannel),
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
pub(crate) mod tests;
