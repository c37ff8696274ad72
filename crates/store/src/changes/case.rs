//! What closing, holding and releasing a case write.

use super::Writes;
use crate::rows::StoredNotification;
use relink_core::Timestamp;
use relink_core::attempt::Reason;
use relink_core::case::{Case, CloseReason, HoldReason};
use relink_core::notification::{NonSend, Notification, NotificationState};

/// Closes `case` and cancels whatever of it waits. What a worker holds is left to that worker:
/// its message may be on the way already, and how it ends has to be recorded.
pub(crate) fn close_changes(
    case: &Case,
    reason: CloseReason,
    notifications: &[StoredNotification],
    now: Timestamp,
) -> Writes {
    let case = Case { closed_at: Some(now), close_reason: Some(reason), ..case.clone() };
    let mut writes = Writes::default();
    let waiting = notifications.iter().filter(|stored| match stored.notification.state {
        NotificationState::Planned | NotificationState::Doubtful => true,
        NotificationState::Sending
        | NotificationState::Sent
        | NotificationState::Skipped
        | NotificationState::Cancelled
        | NotificationState::Failed
        | NotificationState::Dead => false,
    });
    for stored in waiting {
        let why = cancelled_because(reason);
        let ended = ended(stored, NotificationState::Cancelled, why);
        writes.not_sent(&ended.notification, NonSend::Cancelled, why, now);
        writes.notifications.push((ended, now));
    }
    writes.cases.push(case);
    writes
}

/// How the end of a case is called on its notifications.
pub(super) fn cancelled_because(reason: CloseReason) -> Reason {
    match reason {
        CloseReason::Expired => Reason::CaseExpired,
        CloseReason::Repaired | CloseReason::AccountDeleted | CloseReason::Operator => {
            Reason::CaseClosed
        }
    }
}

/// The row at its end: no lease, nothing to wake up for.
pub(super) fn ended(
    stored: &StoredNotification,
    state: NotificationState,
    reason: Reason,
) -> StoredNotification {
    StoredNotification {
        notification: Notification {
            state,
            reason: Some(reason),
            lease_until: None,
            ..stored.notification.clone()
        },
        wake_at: None,
        lease_owner: None,
        link_key: stored.link_key.clone(),
    }
}

/// Sets or lifts an operator's hold; `None` when there is nothing to change. A lifted hold
/// leaves the case waiting for its account if that is still missing.
pub(crate) fn hold_changes(
    case: &Case,
    notifications: &[StoredNotification],
    account_known: bool,
    hold: bool,
    now: Timestamp,
) -> Option<Writes> {
    if !case.is_open() || hold == (case.hold == Some(HoldReason::Operator)) {
        return None;
    }
    let mut writes = Writes::default();
    if hold {
        writes.cases.push(Case { hold: Some(HoldReason::Operator), ..case.clone() });
        return Some(writes);
    }
    let remaining = (!account_known).then_some(HoldReason::NoAccount);
    writes.cases.push(Case { hold: remaining, ..case.clone() });
    if remaining.is_none() {
        writes.then(wake_parked(notifications, now));
    }
    Some(writes)
}

/// Gives every parked notification its moment again.
pub(super) fn wake_parked(notifications: &[StoredNotification], now: Timestamp) -> Writes {
    let mut writes = Writes::default();
    for stored in notifications {
        let parked = stored.wake_at.is_none() && !stored.notification.state.is_end();
        if parked {
            let mut woken = stored.clone();
            woken.wake_at = Some(stored.notification.due_at.max(now));
            if woken.notification.state == NotificationState::Planned {
                woken.notification.reason = None;
            }
            writes.notifications.push((woken, now));
        }
    }
    writes
}
