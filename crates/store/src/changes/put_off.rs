//! What putting a message off writes.

use super::begin::{BeginSnapshot, close_doubt};
use super::{VisitWrite, Writes};
use crate::rows::StoredNotification;
use crate::{PutOff, PutOffRequest};
use relink_core::Timestamp;
use relink_core::attempt::Reason;
use relink_core::gate::{GateSnapshot, Verdict, gate};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::policy::Rules;
use relink_core::retry::put_off_wait;
use relink_core::time::{after, since};
use relink_core::visit::{Visit, VisitStep, Visitor, Way};

/// Everything about one message that is to be put off.
#[derive(Debug, Clone)]
pub(crate) struct PutOffSnapshot {
    /// As at its gate.
    pub(crate) begin: BeginSnapshot,
    /// When the timeline last said that it waits for Cobalt.
    pub(crate) said_at: Option<Timestamp>,
}

impl PutOffSnapshot {
    /// Since when it has been put off, one wait after the other; `None` when this is the first.
    /// Whatever it waited for otherwise, or an attempt, begins the count anew.
    fn put_off_since(&self) -> Option<Timestamp> {
        let row = &self.begin.notification.notification;
        let goes_on = match row.state {
            NotificationState::Planned => row.reason == Some(Reason::HealthUnknown),
            // A doubt keeps its own reason.
            NotificationState::Doubtful => self.begin.last_attempt.as_ref().is_none_or(|attempt| {
                self.said_at.is_some_and(|said_at| said_at >= attempt.started_at)
            }),
            NotificationState::Sending
            | NotificationState::Sent
            | NotificationState::Skipped
            | NotificationState::Cancelled
            | NotificationState::Failed
            | NotificationState::Dead => false,
        };
        self.said_at.filter(|_| goes_on)
    }
}

/// Moves the moment of a message, or says that the patience is over.
pub(crate) fn put_off_changes(
    request: &PutOffRequest,
    snapshot: PutOffSnapshot,
    rules: &Rules,
    now: Timestamp,
) -> (PutOff, Writes) {
    let begin = &snapshot.begin;
    let question = GateSnapshot {
        notification: begin.notification.notification.clone(),
        case: begin.case.case.clone(),
        contact: begin.contact.clone(),
    };
    let crashed = match gate(&question, rules, now) {
        Verdict::Send { closes_doubt, .. } => closes_doubt,
        Verdict::NotNow => return (PutOff::NotNow, Writes::default()),
        Verdict::LookUp { .. }
        | Verdict::Doubt { .. }
        | Verdict::End { .. }
        | Verdict::Park { .. } => return (PutOff::LeftToGate, Writes::default()),
    };
    let since_when = snapshot.put_off_since();
    let waited = since(since_when.unwrap_or(now), now);
    if waited >= request.patience {
        return (PutOff::PatienceOver, patience_over(&snapshot.begin.notification, now));
    }
    let end = after(since_when.unwrap_or(now), request.patience);
    let until = after(now, put_off_wait(waited, request.jitter)).min(end);
    let mut writes = Writes::default();
    let mut stored = snapshot.begin.notification;
    if crashed {
        close_doubt(&mut stored.notification, &mut writes, now);
        stored.notification.state = NotificationState::Doubtful;
        stored.notification.reason = Some(Reason::Crashed);
    } else if stored.notification.state == NotificationState::Planned {
        stored.notification.reason = Some(Reason::HealthUnknown);
    }
    stored.notification.due_at = until;
    stored.notification.lease_until = None;
    stored.lease_owner = None;
    stored.wake_at = Some(until);
    let first = since_when.is_none();
    if first {
        let row = &stored.notification;
        writes.not_sent(row, NonSend::Deferred, Reason::HealthUnknown, now);
    }
    let (step, state) = (stored.notification.step.clone(), stored.notification.state);
    writes.notifications.push((stored, now));
    (PutOff::Waits { step, state, until, first }, writes)
}

fn patience_over(stored: &StoredNotification, now: Timestamp) -> Writes {
    let mut writes = Writes::default();
    let visit = Visit {
        at: now,
        step: VisitStep::PatienceOver,
        way: Way::BeforeSend,
        visitor: Visitor::Relink,
        notification_id: Some(stored.notification.id),
    };
    writes.visits.push(VisitWrite { case_id: stored.notification.case_id, visit });
    writes
}
