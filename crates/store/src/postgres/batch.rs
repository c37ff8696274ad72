//! Requests of one batch are decided one after the other on snapshots that were read at once:
//! what one of them writes, the next one about the same thing must see.

use crate::changes::{BeginSnapshot, FinishSnapshot, PutSnapshot, SignalSnapshot, Writes};
use crate::rows::StoredNotification;
use crate::{AttemptRow, NonSendRow};
use relink_core::id::CaseId;
use relink_core::signal::SignalKind;

/// After a signal of the same account.
pub(super) fn carry_into_signal(snapshot: &mut SignalSnapshot, writes: &Writes) {
    for new in &writes.new_cases {
        snapshot.open_case = Some(new.case.clone());
        snapshot.notifications.clear();
    }
    for case in &writes.cases {
        if case.is_open() {
            snapshot.open_case = Some(case.clone());
        } else {
            snapshot.open_case = None;
            snapshot.last_closed_at = snapshot.last_closed_at.max(case.closed_at);
            snapshot.notifications.clear();
        }
    }
    for signal in writes.signals.iter().filter(|new| new.row.signal.kind == SignalKind::Repaired) {
        snapshot.last_closed_at = snapshot.last_closed_at.max(Some(signal.row.applied_at));
    }
    if let Some(case) = &snapshot.open_case {
        carry_notifications(case.id, &mut snapshot.notifications, writes);
    }
}

/// After another registration of the same account.
pub(super) fn carry_into_put(snapshot: &mut PutSnapshot, writes: &Writes) {
    let id = snapshot.case.id;
    if let Some(case) = writes.cases.iter().rfind(|case| case.id == id) {
        snapshot.case = case.clone();
    }
    carry_notifications(id, &mut snapshot.notifications, writes);
    let said = writes.non_sends.iter().filter(|(case_id, _)| *case_id == id);
    snapshot.non_sends.extend(said.map(|(_, row): &(CaseId, NonSendRow)| row.clone()));
}

/// After another request for the same notification.
pub(super) fn carry_into_begin(snapshot: &mut BeginSnapshot, writes: &Writes) {
    if let Some(stored) = latest(&snapshot.notification, writes) {
        snapshot.notification = stored;
    }
    if let Some(attempt) = writes.new_attempts.last() {
        snapshot.last_attempt = Some(attempt.clone());
    }
}

/// After another outcome of the same notification.
pub(super) fn carry_into_finish(snapshot: &mut FinishSnapshot, writes: &Writes) {
    if let Some(stored) = latest(&snapshot.notification, writes) {
        snapshot.notification = stored;
    }
    carry_attempt(&mut snapshot.attempt, writes);
}

fn carry_notifications(case: CaseId, known: &mut Vec<StoredNotification>, writes: &Writes) {
    for (new, _) in writes.new_notifications.iter().filter(|(new, _)| new.case_id == case) {
        if known.iter().all(|stored| stored.notification.id != new.id) {
            known.push(StoredNotification::planned(new));
        }
    }
    for stored in known {
        if let Some(changed) = latest(stored, writes) {
            *stored = changed;
        }
    }
}

fn latest(stored: &StoredNotification, writes: &Writes) -> Option<StoredNotification> {
    let same =
        |(changed, _): &&(StoredNotification, _)| changed.notification.id == stored.notification.id;
    writes.notifications.iter().rfind(same).map(|(changed, _)| changed.clone())
}

fn carry_attempt(attempt: &mut AttemptRow, writes: &Writes) {
    let (id, number) = (attempt.notification_id, attempt.number);
    for end in &writes.finished_attempts {
        if (end.notification_id, end.number) == (id, number) && attempt.outcome.is_none() {
            attempt.finished_at = Some(end.finished_at);
            attempt.outcome = Some(end.outcome);
            attempt.reason = Some(end.reason);
        }
    }
    for news in &writes.resolved_attempts {
        if (news.notification_id, news.number) == (id, number) && attempt.resolved_as.is_none() {
            attempt.resolved_as = Some(news.resolved_as);
        }
    }
}
