//! What an operator's act writes besides what it changes: its entry in the operator log; and
//! what replaying a dead notification writes.

use super::Writes;
use crate::rows::StoredNotification;
use crate::{Operated, OperatorAct};
use relink_core::Timestamp;
use relink_core::attempt::Reason;
use relink_core::case::Case;
use relink_core::id::{InvalidValue, NotificationId, OperatorId, SubjectId};
use relink_core::notification::{NewNotification, NonSend, NotificationState};
use relink_core::operator_log::{Act, Action, Entry, Head, SubjectKind};

/// How an act is called in the log.
pub(crate) fn act_of(operator: &OperatorId, act: &OperatorAct) -> Result<Act, InvalidValue> {
    let (action, kind, subject) = match act {
        OperatorAct::CloseCase(id) => (Action::CaseClose, SubjectKind::Case, (*id).into()),
        OperatorAct::HoldCase(id) => (Action::CaseHold, SubjectKind::Case, (*id).into()),
        OperatorAct::ReleaseCase(id) => (Action::CaseRelease, SubjectKind::Case, (*id).into()),
        OperatorAct::DeleteAccount(account) => {
            let subject = SubjectId::parse(account.as_str())?;
            (Action::AccountDelete, SubjectKind::Account, subject)
        }
        OperatorAct::ReplayEvent(id) => (Action::EventReplay, SubjectKind::AppEvent, (*id).into()),
        OperatorAct::Replay(id) => (Action::DeadReplay, SubjectKind::Notification, (*id).into()),
    };
    Ok(Act::new(operator, action, kind, subject))
}

/// Adds the entry for `act`, which follows `head`. Answers the new end of the chain.
pub(crate) fn logged(writes: &mut Writes, act: &Act, head: &Head, now: Timestamp) -> Head {
    let entry = Entry::after(head, act, now);
    let head = entry.head();
    writes.operator_log.push(entry);
    head
}

/// Everything about a notification that an operator wants replayed.
#[derive(Debug, Clone)]
pub(crate) struct ReplaySnapshot {
    pub(crate) notification: StoredNotification,
    pub(crate) case: Case,
    /// Whether it was replayed before.
    pub(crate) replayed: bool,
}

/// What a replay does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Replay {
    /// Plans this notification.
    Plan(NotificationId, Box<Writes>),
    /// Nothing, for this reason.
    Not(Operated),
}

/// Plans a dead notification again under a step of its own: the dead one keeps its end and its
/// id, so that neither the guard against planning twice nor a late answer can mix up the two.
pub(crate) fn replay_changes(snapshot: &ReplaySnapshot, now: Timestamp) -> Replay {
    let ReplaySnapshot { notification: stored, case, replayed } = snapshot;
    let dead = &stored.notification;
    if dead.state != NotificationState::Dead {
        return Replay::Not(Operated::NothingToDo);
    }
    let step = dead.step.replay();
    let id = NotificationId::derive(dead.case_id, &step, &dead.contact_id, dead.channel);
    if *replayed {
        return Replay::Not(Operated::ReplayedBefore(id));
    }
    if !case.is_open() {
        return Replay::Not(Operated::CaseClosed);
    }
    let mut writes = Writes::default();
    writes.not_sent(dead, NonSend::Replayed, Reason::OperatorReplay, now);
    let again = NewNotification {
        id,
        case_id: dead.case_id,
        account_ref: dead.account_ref.clone(),
        step,
        channel: dead.channel,
        contact_id: dead.contact_id.clone(),
        planned_for: now,
    };
    writes.new_notifications.push((again, now));
    Replay::Plan(id, Box::new(writes))
}
