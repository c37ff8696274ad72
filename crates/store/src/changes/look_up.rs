//! What a look at the provider's list writes.

use super::finish::{Late, late_changes};
use super::settle::settle;
use super::{AttemptResolution, FinishSnapshot, Writes};
use crate::{Finished, LookUpRequest};
use relink_core::Timestamp;
use relink_core::attempt::OutcomeKind;
use relink_core::next_step::after_look_up;
use relink_core::notification::NotificationState;
use relink_core::sender::LookUp;

/// Records what a look-up showed.
pub(crate) fn look_up_changes(
    request: &LookUpRequest,
    snapshot: FinishSnapshot,
    now: Timestamp,
) -> (Finished, Writes) {
    let FinishSnapshot { notification: mut stored, case, contact: _, attempt } = snapshot;
    let mut writes = Writes::default();
    let resolution = resolution(&request.found);
    let ours = stored.notification.fence == request.fence
        && stored.notification.state == NotificationState::Doubtful
        && stored.notification.lease_until.is_some();
    if !ours {
        if let Some((outcome, provider_message_id)) = resolution {
            let late = Late { outcome, provider_message_id };
            late_changes(late, stored, &attempt, &mut writes, now);
        }
        return (Finished::Late, writes);
    }
    if let Some((resolved_as, provider_message_id)) = resolution
        && attempt.resolved_as.is_none()
    {
        writes.resolved_attempts.push(AttemptResolution {
            notification_id: attempt.notification_id,
            number: attempt.number,
            resolved_at: now,
            resolved_as,
            provider_message_id,
        });
    }
    let next = after_look_up(&request.found, &stored.notification, now);
    if matches!(request.found, LookUp::Absent) {
        stored.notification.looks = stored.notification.looks.saturating_add(1);
    }
    // A look is not a try: the attempt it was for has been counted already.
    let next = relink_core::next_step::NextStep { spends_a_try: false, ..next };
    let finished = settle(stored, next, &case, &mut writes, now);
    (finished, writes)
}

/// What is now known of the attempt in doubt.
fn resolution(found: &LookUp) -> Option<(OutcomeKind, Option<String>)> {
    match found {
        LookUp::Found { provider_message_id } => {
            Some((OutcomeKind::Accepted, Some(provider_message_id.clone())))
        }
        LookUp::Refused { .. } => Some((OutcomeKind::Rejected, None)),
        LookUp::Absent | LookUp::Unavailable { .. } => None,
    }
}
