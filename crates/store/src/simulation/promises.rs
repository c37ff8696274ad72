//! What must hold after every step, said of the rows alone.

use super::ledger::Ledger;
use crate::rows::StoredNotification;
use crate::{NonSendRow, OpenAttempt};
use relink_core::Timestamp;
use relink_core::attempt::OutcomeKind;
use relink_core::gate::MAX_DOUBTS;
use relink_core::id::NotificationId;
use relink_core::notification::{NonSend, NotificationState};
use relink_core::policy::Rules;
use relink_core::time::since;

/// A promise that was not kept, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken(pub(super) String);

pub(super) type Kept = Result<(), Broken>;

/// Ends the run with the words, formatted, when the condition does not hold.
macro_rules! promise {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err($crate::simulation::promises::Broken(format!($($words)+)));
        }
    };
}
pub(super) use promise;

/// A row goes on from `old` to `new`, in a transaction that says `reasons`.
pub(super) fn of_move(
    old: &StoredNotification,
    new: &StoredNotification,
    reasons: &[NonSendRow],
) -> Kept {
    let (before, after) = (&old.notification, &new.notification);
    let id = after.id;
    promise!(after.fence >= before.fence, "the fence of {id} fell");
    promise!(after.attempts >= before.attempts, "{id} forgot an attempt");
    promise!(after.attempts <= before.attempts + 1, "{id} skipped the number of an attempt");
    promise!(
        after.attempts == before.attempts || after.fence > before.fence,
        "{id} began an attempt without raising its fence"
    );
    let said = |decision: NonSend| {
        reasons.iter().any(|row| {
            row.notification_id == Some(id)
                && row.decision == decision
                && Some(row.reason) == after.reason
        })
    };
    if before.state.is_end() {
        promise!(old == new, "{id} moved on after its end: {before:?} to {after:?}");
        return Ok(());
    }
    match after.state {
        NotificationState::Skipped => promise!(said(NonSend::Skipped), "{id}: skip untold"),
        NotificationState::Cancelled => promise!(said(NonSend::Cancelled), "{id}: end untold"),
        NotificationState::Dead => promise!(said(NonSend::Dead), "{id}: death untold"),
        NotificationState::Planned
        | NotificationState::Sending
        | NotificationState::Doubtful
        | NotificationState::Sent
        | NotificationState::Failed => {}
    }
    Ok(())
}

/// A notification and its attempts, between two transactions.
pub(super) fn of_notification(ledger: &Ledger, id: NotificationId) -> Kept {
    let Some(stored) = ledger.notification(id) else {
        return Err(Broken(format!("notification {id} is not there")));
    };
    let Some(case) = ledger.case(stored.notification.case_id).map(|stored| &stored.case) else {
        return Err(Broken(format!("notification {id} has no case")));
    };
    let row = &stored.notification;
    let ended = row.state.is_end();
    if ended {
        let at_rest = stored.wake_at.is_none() && row.lease_until.is_none();
        promise!(at_rest, "{id} has ended and is not at rest");
        promise!(row.reason.is_some(), "{id} has ended without a reason");
    } else {
        let parked = case.is_open() && case.hold.is_some();
        promise!(stored.wake_at.is_some() || parked, "nobody will look at {id} again: {stored:?}");
        let going = row.state == NotificationState::Sending;
        promise!(case.is_open() || going, "{id} of a closed case waits: {row:?}");
    }
    if row.state == NotificationState::Sending {
        promise!(row.lease_until.is_some(), "{id} is being sent without a lease");
    }
    of_attempts(ledger, stored)?;
    of_step(ledger, stored)
}

fn of_attempts(ledger: &Ledger, stored: &StoredNotification) -> Kept {
    let row = &stored.notification;
    let (mut number, mut unknown, mut may_have_arrived) = (0, 0, 0);
    for attempt in ledger.attempts_of(row.id) {
        number += 1;
        promise!(attempt.number == number, "the attempts of {} have a gap", row.id);
        let under_way = attempt.outcome.is_none();
        let last = row.state == NotificationState::Sending && attempt.number == row.attempts;
        promise!(
            under_way == last,
            "attempt {number} of {} is under way: {under_way}, but the row says {:?}",
            row.id,
            row.state
        );
        unknown += u32::from(attempt.outcome == Some(OutcomeKind::Unknown));
        let known = attempt.resolved_as.or(attempt.outcome);
        may_have_arrived +=
            u32::from(!matches!(known, Some(OutcomeKind::Deferred | OutcomeKind::Rejected)));
    }
    promise!(number == row.attempts, "{} counts {} attempts of {number}", row.id, row.attempts);
    promise!(unknown == row.doubts, "{} counts {} doubts of {unknown}", row.id, row.doubts);
    promise!(may_have_arrived <= 2, "{} may have arrived three times", row.id);
    Ok(())
}

/// One voice: of all that was planned for one person in one step, one at most goes on or has
/// gone out; the others were refused before the next channel took over.
fn of_step(ledger: &Ledger, stored: &StoredNotification) -> Kept {
    let row = &stored.notification;
    let voices = ledger
        .notifications
        .iter()
        .map(|other| &other.notification)
        .filter(|other| other.case_id == row.case_id)
        .filter(|other| other.step == row.step && other.contact_id == row.contact_id)
        .filter(|other| other.state != NotificationState::Failed)
        .count();
    promise!(voices <= 1, "{voices} messages for step {} of {}", row.step, row.case_id);
    Ok(())
}

/// A message is about to be sent: twice in doubt is the end of it.
pub(super) fn of_send(ledger: &Ledger, id: NotificationId) -> Kept {
    let doubts = ledger.notification(id).map_or(0, |stored| stored.notification.doubts);
    promise!(doubts < MAX_DOUBTS, "{id} is sent again after {doubts} doubts");
    Ok(())
}

/// A send or a look is about to be begun: judged by the rows as they are at that moment,
/// whatever the gate was shown.
pub(super) fn of_intent(
    ledger: &Ledger,
    open: &OpenAttempt,
    rules: &Rules,
    now: Timestamp,
) -> Kept {
    let id = open.snapshot.notification.id;
    let (Some(stored), Some(case)) =
        (ledger.notification(id), ledger.case(open.snapshot.case.id).map(|stored| &stored.case))
    else {
        return Err(Broken(format!("{id} is begun without a row")));
    };
    let row = &stored.notification;
    promise!(case.is_open(), "{id} is begun after its case was closed");
    promise!(case.hold.is_none(), "{id} is begun while its case is held");
    promise!(case.expires_at > now, "{id} is begun after its case expired");
    promise!(!row.state.is_end(), "{id} is begun after its end");
    promise!(
        row.lease_until.is_none_or(|until| until <= now),
        "{id} is begun while another worker holds it"
    );
    promise!(
        row.due_at <= now || row.state == NotificationState::Sending,
        "{id} is begun before its moment"
    );
    promise!(since(row.planned_for, now) <= rules.policy.late_by_max, "{id} is begun too late");
    let contact = ledger.contact(&row.account_ref, &row.contact_id);
    let address = contact.and_then(|contact| contact.address_on(row.channel));
    promise!(address.as_ref() == Some(&open.address), "{id} goes where its contact does not agree");
    Ok(())
}
