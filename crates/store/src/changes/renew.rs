//! What asking for a new link writes: one message to the person whose link has ended.

use super::case::ended;
use super::{SignalSnapshot, VisitWrite, Writes, signal_changes};
use crate::rows::StoredNotification;
use crate::{Renewal, Renewed};
use relink_core::Timestamp;
use relink_core::attempt::Reason;
use relink_core::case::Case;
use relink_core::id::{CaseId, InvalidValue, NotificationId, StepId};
use relink_core::notification::{NewNotification, NonSend, NotificationState};
use relink_core::policy::{Policy, Rules};
use relink_core::renewal::{NextRenewal, next_renewal};
use relink_core::signal::Signal;
use relink_core::visit::{Visit, VisitStep, Way};
use std::time::Duration;

/// Plans the new link. `asked` is what opens a case when the account has none; `known` says
/// whether it was said before.
pub(crate) fn renew_changes(
    renewal: &Renewal,
    asked: &Signal,
    known: bool,
    snapshot: SignalSnapshot,
    rules: &Rules,
    now: Timestamp,
) -> Result<(Renewed, Writes), InvalidValue> {
    let on_file = snapshot.account.as_ref().is_some_and(|account| {
        account.contacts.iter().any(|contact| contact.id == renewal.contact_id)
    });
    if !on_file {
        return Ok((Renewed::Nowhere, Writes::default()));
    }
    let planned = snapshot.notifications.iter().map(|stored| &stored.notification);
    let next = next_renewal(planned.map(|planned| (&planned.step, planned.planned_for)), now)?;
    let NextRenewal::Plan(step) = next else {
        return Ok((Renewed::Before, Writes::default()));
    };
    let (case_id, mut writes) = match &snapshot.open_case {
        Some(Case { id, .. }) => (*id, Writes::default()),
        None if known => return Ok((Renewed::Before, Writes::default())),
        None => match opened(renewal, asked, snapshot, rules, now) {
            (Some(case_id), writes) => (case_id, writes),
            (None, _) => return Ok((Renewed::Before, Writes::default())),
        },
    };
    let message = message(renewal, case_id, step, now);
    let id = message.id;
    writes.new_notifications.push((message, now));
    writes.visits.push(visit(renewal, now));
    Ok((Renewed::Planned(id), writes))
}

/// Opens a case as a signal would, at once. What its policy would tell the same person at this
/// very moment is told by the new link: nobody gets two messages for one press of a button.
fn opened(
    renewal: &Renewal,
    asked: &Signal,
    snapshot: SignalSnapshot,
    rules: &Rules,
    now: Timestamp,
) -> (Option<CaseId>, Writes) {
    let policy = Policy { settle: Duration::ZERO, ..rules.policy.clone() };
    let rules = Rules { policy, ..rules.clone() };
    let (applied, mut writes) = signal_changes(asked, snapshot, &rules, now);
    let told_at_once: Vec<StoredNotification> = writes
        .new_notifications
        .iter()
        .map(|(new, _)| new)
        .filter(|new| new.contact_id == renewal.contact_id && new.planned_for <= now)
        .map(StoredNotification::planned)
        .collect();
    for stored in told_at_once {
        let stored = ended(&stored, NotificationState::Skipped, Reason::Superseded);
        writes.not_sent(&stored.notification, NonSend::Superseded, Reason::Superseded, now);
        writes.notifications.push((stored, now));
    }
    (applied.case_id, writes)
}

fn message(renewal: &Renewal, case_id: CaseId, step: StepId, now: Timestamp) -> NewNotification {
    let Renewal { account_ref, contact_id, channel, .. } = renewal.clone();
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

/// It was asked for by the link of a case that has ended: there it is told.
fn visit(renewal: &Renewal, now: Timestamp) -> VisitWrite {
    let visit = Visit {
        at: now,
        step: VisitStep::Renewed,
        way: Way::Link,
        visitor: renewal.visitor,
        notification_id: Some(renewal.notification_id),
    };
    VisitWrite { case_id: renewal.case_id, visit }
}
