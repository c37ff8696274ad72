//! What a signal writes.

use super::{SignalWrite, Writes, close_changes};
use crate::rows::{StoredCase, StoredNotification};
use crate::{Applied, SignalRow};
use relink_core::Timestamp;
use relink_core::account::Account;
use relink_core::case::Case;
use relink_core::id::CaseId;
use relink_core::plan::{AccountSnapshot, SignalDecision, SignalResult, decide};
use relink_core::policy::Rules;
use relink_core::signal::{KnownEvent, Signal};

/// The row that an event id has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownSignal {
    pub(crate) event: KnownEvent,
    pub(crate) case_id: Option<CaseId>,
}

/// What the store knows about the signal's account.
#[derive(Debug, Clone, Default)]
pub(crate) struct SignalSnapshot {
    pub(crate) account: Option<Account>,
    pub(crate) open_case: Option<Case>,
    /// The latest `closed_at` of its cases, or its last repair if that is later.
    pub(crate) last_closed_at: Option<Timestamp>,
    /// Every notification of the open case.
    pub(crate) notifications: Vec<StoredNotification>,
}

/// The answer to an event id that is known: nothing is written.
pub(crate) fn repeated(signal: &Signal, known: &KnownSignal) -> Applied {
    if known.event.contradicts(signal) {
        Applied { result: SignalResult::IdReused, case_id: None, planned: 0 }
    } else {
        Applied { result: SignalResult::Duplicate, case_id: known.case_id, planned: 0 }
    }
}

/// What a signal with a new event id writes.
pub(crate) fn signal_changes(
    signal: &Signal,
    snapshot: SignalSnapshot,
    rules: &Rules,
    now: Timestamp,
) -> (Applied, Writes) {
    // What waits while an account is mended tells of before, even if its sender's clock is ahead.
    let signal = Signal { occurred_at: signal.occurred_at.min(now), ..signal.clone() };
    let SignalSnapshot { account, open_case, last_closed_at, notifications } = snapshot;
    let planned = planned_pairs(&notifications);
    let account = AccountSnapshot { account, open_case, last_closed_at, planned };
    let decision = decide(&signal, &account, rules, now);

    let mut writes = Writes::default();
    let result = decision.result();
    let case_id = match (decision, account.open_case) {
        (SignalDecision::Open { case, plan }, _) => {
            let case_id = case.id;
            writes.new_cases.push(StoredCase { case: *case, trace: signal.trace });
            writes.plan(case_id, plan, now);
            Some(case_id)
        }
        (SignalDecision::Join { case_id, kind, plan }, Some(case)) => {
            let signals = case.signals.saturating_add(1);
            writes.cases.push(Case { kind, signals, ..case });
            writes.plan(case_id, plan, now);
            Some(case_id)
        }
        (SignalDecision::Close { case_id, reason }, Some(case)) => {
            let case = Case { signals: case.signals.saturating_add(1), ..case };
            writes.then(close_changes(&case, reason, &notifications, now));
            Some(case_id)
        }
        (
            SignalDecision::Join { .. } | SignalDecision::Close { .. } | SignalDecision::Note(_),
            _,
        ) => None,
    };
    let applied = Applied { result, case_id, planned: writes.new_notifications.len() };
    let row = SignalRow { signal, result, applied_at: now };
    writes.signals.push(SignalWrite { row, case_id });
    (applied, writes)
}

/// Which steps are planned for whom already.
pub(super) fn planned_pairs(
    notifications: &[StoredNotification],
) -> Vec<(relink_core::id::StepId, relink_core::id::ContactId)> {
    notifications
        .iter()
        .map(|stored| &stored.notification)
        .map(|notification| (notification.step.clone(), notification.contact_id.clone()))
        .collect()
}
