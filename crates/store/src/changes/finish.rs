//! What an outcome writes, in time or late.

use super::case::ended;
use super::settle::settle;
use super::{AttemptFinish, AttemptResolution, Writes};
use crate::rows::StoredNotification;
use crate::{AttemptRow, FinishRequest, Finished};
use relink_core::Timestamp;
use relink_core::account::Contact;
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::case::Case;
use relink_core::next_step::after_attempt;
use relink_core::notification::{Notification, NotificationState};
use relink_core::policy::Rules;

/// Everything about one notification whose attempt or look-up ended.
#[derive(Debug, Clone)]
pub(crate) struct FinishSnapshot {
    pub(crate) notification: StoredNotification,
    pub(crate) case: Case,
    /// The contact, if it still exists.
    pub(crate) contact: Option<Contact>,
    /// The attempt that ended, or is in doubt.
    pub(crate) attempt: AttemptRow,
}

/// Records the outcome of an attempt. The same outcome recorded twice changes nothing more.
pub(crate) fn finish_changes(
    request: &FinishRequest,
    snapshot: FinishSnapshot,
    rules: &Rules,
    now: Timestamp,
) -> (Finished, Writes) {
    let FinishSnapshot { notification: mut stored, case, contact, attempt } = snapshot;
    let mut writes = Writes::default();
    let outcome = &request.sent.outcome;
    let ours = stored.notification.fence == request.fence
        && stored.notification.state == NotificationState::Sending;
    if attempt.outcome.is_none() {
        writes.finished_attempts.push(attempt_finish(request, now));
    }
    if !ours {
        let late = Late {
            outcome: outcome.kind(),
            provider_message_id: request.sent.provider_message_id.clone(),
        };
        late_changes(late, stored, &attempt, &mut writes, now);
        return (Finished::Late, writes);
    }
    let next = if accepted_meanwhile(&stored.notification) {
        // However this one ended, the person has the message.
        after_attempt(&Outcome::Accepted, &stored.notification, None, rules, 0.0, now)
    } else {
        let contact = contact.as_ref();
        after_attempt(outcome, &stored.notification, contact, rules, request.jitter, now)
    };
    if matches!(outcome, Outcome::Unknown { .. }) {
        stored.notification.doubts = stored.notification.doubts.saturating_add(1);
    }
    let finished = settle(stored, next, &case, &mut writes, now);
    (finished, writes)
}

fn attempt_finish(request: &FinishRequest, now: Timestamp) -> AttemptFinish {
    AttemptFinish {
        notification_id: request.notification_id,
        number: request.number,
        finished_at: now,
        outcome: request.sent.outcome.kind(),
        reason: request.sent.outcome.reason(),
        provider_message_id: request.sent.provider_message_id.clone(),
        provider_code: request.sent.provider_code.clone(),
        took_ms: Some(i64::try_from(request.took.as_millis()).unwrap_or(i64::MAX)),
    }
}

/// News of an attempt that somebody else has taken over from.
pub(super) struct Late {
    pub(super) outcome: OutcomeKind,
    pub(super) provider_message_id: Option<String>,
}

/// Whether an earlier attempt turned out to be accepted while this one was under way.
pub(super) fn accepted_meanwhile(notification: &Notification) -> bool {
    notification.state == NotificationState::Sending
        && notification.reason == Some(Reason::Accepted)
}

/// Says on the attempt in doubt what became of it. An acceptance ends the notification; while
/// another worker is sending it, it is noted on the row and ends it together with that attempt.
pub(super) fn late_changes(
    late: Late,
    mut stored: StoredNotification,
    attempt: &AttemptRow,
    writes: &mut Writes,
    now: Timestamp,
) {
    let in_doubt = attempt.outcome == Some(OutcomeKind::Unknown) && attempt.resolved_as.is_none();
    if in_doubt && late.outcome != OutcomeKind::Unknown {
        writes.resolved_attempts.push(AttemptResolution {
            notification_id: attempt.notification_id,
            number: attempt.number,
            resolved_at: now,
            resolved_as: late.outcome,
            provider_message_id: late.provider_message_id,
        });
    }
    if late.outcome != OutcomeKind::Accepted {
        return;
    }
    if stored.notification.state.is_end() {
        return;
    }
    if stored.notification.state == NotificationState::Sending {
        if stored.notification.lease_until.is_some_and(|until| until > now) {
            stored.notification.reason = Some(Reason::Accepted);
            writes.notifications.push((stored, now));
            return;
        }
        // The attempt after this one was left without an outcome as well.
        writes.crashed(&stored.notification, stored.notification.attempts, now);
        stored.notification.doubts = stored.notification.doubts.saturating_add(1);
    }
    writes.notifications.push((ended(&stored, NotificationState::Sent, Reason::Accepted), now));
}
