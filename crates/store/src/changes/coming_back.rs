//! What people who come back write, and what a proof does.

use super::{VisitWrite, Writes, close_changes};
use crate::rows::StoredNotification;
use crate::{PROOF_HOLDS, Proof, Proven};
use relink_core::Timestamp;
use relink_core::case::{Case, CloseReason};
use relink_core::time::{after, since};
use relink_core::visit::{RECHECK_WAITS, Visit, VisitStep, Visitor};

/// Records `visits` of `case`. Cobalt is asked again after a "done" that may be proven later.
pub(crate) fn visit_changes(case: &Case, visits: &[Visit], now: Timestamp) -> Writes {
    let mut writes = Writes::default();
    for visit in visits {
        let visit = Visit { at: now, ..visit.clone() };
        if visit.step == VisitStep::Done
            && case.is_open()
            && let Some(wait) = RECHECK_WAITS.first()
        {
            writes.rechecks.push((case.id, after(now, *wait)));
        }
        writes.visits.push(VisitWrite { case_id: case.id, visit });
    }
    writes
}

/// Closes the case that `proof` is about, unless it has taken in a signal since.
pub(crate) fn proven_changes(
    proof: &Proof,
    case: Option<&Case>,
    notifications: &[StoredNotification],
    now: Timestamp,
) -> (Proven, Writes) {
    let Some(case) = case.filter(|case| case.is_open()) else {
        return (Proven::NotOpen, Writes::default());
    };
    if case.signals != proof.signals {
        return (Proven::Overtaken, Writes::default());
    }
    if since(proof.asked_at, now) > PROOF_HOLDS {
        return (Proven::TooOld, Writes::default());
    }
    let mut writes = close_changes(case, CloseReason::Repaired, notifications, now);
    let visit = Visit {
        at: now,
        step: VisitStep::Proven,
        way: proof.way,
        visitor: Visitor::Relink,
        notification_id: proof.notification_id,
    };
    writes.visits.push(VisitWrite { case_id: case.id, visit });
    let closed =
        Case { closed_at: Some(now), close_reason: Some(CloseReason::Repaired), ..case.clone() };
    (Proven::Closed(Box::new(closed)), writes)
}
