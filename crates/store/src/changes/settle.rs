//! How a notification goes on once an attempt or a look-up has ended.

use super::Writes;
use super::case::{cancelled_because, ended};
use crate::Finished;
use crate::rows::StoredNotification;
use relink_core::Timestamp;
use relink_core::attempt::Reason;
use relink_core::case::Case;
use relink_core::next_step::NextStep;
use relink_core::notification::{NonSend, NotificationState};
use relink_core::time::since;

/// Writes `next` to the row, which its counters are up to date in, and clears the lease.
pub(super) fn settle(
    stored: StoredNotification,
    next: NextStep,
    case: &Case,
    writes: &mut Writes,
    now: Timestamp,
) -> Finished {
    let NextStep { state, reason, due_at, spends_a_try, advance } = next;
    let mut stored = stored;
    if spends_a_try {
        stored.notification.spent = stored.notification.spent.saturating_add(1);
    }
    // The case ended while this was under way: nothing of it goes on.
    let (state, reason) = match case.close_reason {
        Some(why) if !state.is_end() => (NotificationState::Cancelled, cancelled_because(why)),
        Some(_) | None => (state, reason),
    };
    let stored = match due_at {
        Some(due_at) if !state.is_end() => waiting(stored, state, reason, due_at),
        Some(_) | None => ended(&stored, state, reason),
    };
    match state {
        NotificationState::Dead => {
            writes.not_sent(&stored.notification, NonSend::Dead, reason, now);
        }
        NotificationState::Cancelled => {
            writes.not_sent(&stored.notification, NonSend::Cancelled, reason, now);
        }
        NotificationState::Planned
        | NotificationState::Sending
        | NotificationState::Doubtful
        | NotificationState::Sent
        | NotificationState::Skipped
        | NotificationState::Failed => {}
    }
    if let Some(advance) = advance
        && case.is_open()
    {
        writes.not_sent(&stored.notification, NonSend::Superseded, Reason::Superseded, now);
        writes.new_notifications.push((advance, now));
    }
    writes.notifications.push((stored, now));
    Finished::Recorded { state, reason, case_age: since(case.opened_at, now) }
}

fn waiting(
    mut stored: StoredNotification,
    state: NotificationState,
    reason: Reason,
    due_at: Timestamp,
) -> StoredNotification {
    stored.notification.state = state;
    stored.notification.reason = Some(reason);
    stored.notification.due_at = due_at;
    stored.notification.lease_until = None;
    stored.lease_owner = None;
    stored.wake_at = Some(due_at);
    stored
}
