//! What each operation writes, decided without a database: snapshot in, answer and rows out.
//!
//! Both databases read the snapshot inside their transaction, call the one function here, write
//! the [`Writes`] as they are and commit. So the two cannot differ in what they mean, and every
//! rule of the store can be tested without either.

mod account;
mod app_events;
mod begin;
mod case;
mod coming_back;
mod finish;
mod keys;
mod look_up;
mod operate;
mod put_off;
mod renew;
mod settle;
mod signal;

pub(crate) use account::{PutSnapshot, Sealed, put_account_changes};
pub(crate) use app_events::{AppEventWrite, Around, Concerned, app_events, concerned};
pub(crate) use begin::{BeginSnapshot, begin_changes};
pub(crate) use case::{close_changes, hold_changes};
pub(crate) use coming_back::{proven_changes, visit_changes};
pub(crate) use finish::{FinishSnapshot, finish_changes};
pub(crate) use keys::{Reseal, Reseals, reseals};
pub(crate) use look_up::look_up_changes;
pub(crate) use operate::{Replay, ReplaySnapshot, act_of, logged, replay_changes};
pub(crate) use put_off::{PutOffSnapshot, put_off_changes};
pub(crate) use renew::renew_changes;
pub(crate) use signal::{KnownSignal, SignalSnapshot, repeated, signal_changes};

use crate::rows::{StoredCase, StoredNotification};
use crate::{AttemptRow, NonSendRow, SignalRow};
use relink_core::Timestamp;
use relink_core::account::Account;
use relink_core::attempt::{OutcomeKind, Reason};
use relink_core::case::Case;
use relink_core::id::{AccountRef, CaseId, NotificationId};
use relink_core::notification::{NewNotification, NonSend, Notification};
use relink_core::operator_log::Entry;
use relink_core::plan::Plan;
use relink_core::visit::Visit;

/// Rows to write, in the order of the fields; each list in its own order. Lists of several
/// operations may be put behind one another with [`Writes::then`].
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Writes {
    /// Insert or replace, with their contacts, keeping `created_at`.
    pub(crate) accounts: Vec<AccountWrite>,
    /// Delete, with their contacts.
    pub(crate) deleted_accounts: Vec<AccountRef>,
    /// Insert.
    pub(crate) new_cases: Vec<StoredCase>,
    /// Update `kind`, `hold`, `closed_at`, `close_reason` and `signals`.
    pub(crate) cases: Vec<Case>,
    /// Insert.
    pub(crate) signals: Vec<SignalWrite>,
    /// Insert as [`StoredNotification::planned`]; an id that exists is left as it is.
    pub(crate) new_notifications: Vec<(NewNotification, Timestamp)>,
    /// Update everything that can change (see `update_notification.sql`).
    pub(crate) notifications: Vec<(StoredNotification, Timestamp)>,
    /// Insert.
    pub(crate) new_attempts: Vec<AttemptRow>,
    /// Set the outcome of an attempt that has none.
    pub(crate) finished_attempts: Vec<AttemptFinish>,
    /// Set what became of an attempt whose outcome is unknown, once.
    pub(crate) resolved_attempts: Vec<AttemptResolution>,
    /// Insert.
    pub(crate) non_sends: Vec<(CaseId, NonSendRow)>,
    /// Insert; a hash that exists is left as it is.
    pub(crate) links: Vec<LinkWrite>,
    /// Insert, behind the last one.
    pub(crate) operator_log: Vec<Entry>,
    /// Insert, up to a limit for each case.
    pub(crate) visits: Vec<VisitWrite>,
    /// Insert or replace: Cobalt is asked for the case at this moment, as for the first time.
    pub(crate) rechecks: Vec<(CaseId, Timestamp)>,
    /// Insert what is not there, last of all: what the rest comes to ([`app_events`]).
    pub(crate) app_events: Vec<AppEventWrite>,
}

/// An account to insert or replace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AccountWrite {
    pub(crate) account: Account,
    pub(crate) token: Sealed,
    /// `updated_at`, and `created_at` of a new one.
    pub(crate) at: Timestamp,
}

/// A signal to insert.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SignalWrite {
    pub(crate) row: SignalRow,
    pub(crate) case_id: Option<CaseId>,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttemptFinish {
    pub(crate) notification_id: NotificationId,
    pub(crate) number: u32,
    pub(crate) finished_at: Timestamp,
    pub(crate) outcome: OutcomeKind,
    pub(crate) reason: Reason,
    pub(crate) provider_message_id: Option<String>,
    pub(crate) provider_code: Option<String>,
    pub(crate) took_ms: Option<i64>,
}

/// What became of an attempt in doubt. Sets `provider_message_id` only if it has one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttemptResolution {
    pub(crate) notification_id: NotificationId,
    pub(crate) number: u32,
    pub(crate) resolved_at: Timestamp,
    pub(crate) resolved_as: OutcomeKind,
    pub(crate) provider_message_id: Option<String>,
}

/// A step of somebody who came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VisitWrite {
    pub(crate) case_id: CaseId,
    pub(crate) visit: Visit,
}

/// The hash of a link and what it leads to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinkWrite {
    pub(crate) token_hash: String,
    pub(crate) notification_id: NotificationId,
}

impl Writes {
    /// Puts `more` behind what is here.
    pub(crate) fn then(&mut self, more: Self) {
        let Self {
            accounts,
            deleted_accounts,
            new_cases,
            cases,
            signals,
            new_notifications,
            notifications,
            new_attempts,
            finished_attempts,
            resolved_attempts,
            non_sends,
            links,
            operator_log,
            visits,
            rechecks,
            app_events,
        } = more;
        self.accounts.extend(accounts);
        self.deleted_accounts.extend(deleted_accounts);
        self.new_cases.extend(new_cases);
        self.cases.extend(cases);
        self.signals.extend(signals);
        self.new_notifications.extend(new_notifications);
        self.notifications.extend(notifications);
        self.new_attempts.extend(new_attempts);
        self.finished_attempts.extend(finished_attempts);
        self.resolved_attempts.extend(resolved_attempts);
        self.non_sends.extend(non_sends);
        self.links.extend(links);
        self.operator_log.extend(operator_log);
        self.visits.extend(visits);
        self.rechecks.extend(rechecks);
        self.app_events.extend(app_events);
    }

    fn plan(&mut self, case_id: CaseId, plan: Plan, now: Timestamp) {
        self.new_notifications.extend(plan.notifications.into_iter().map(|new| (new, now)));
        self.non_sends.extend(plan.non_sends.into_iter().map(|skipped| {
            let row = NonSendRow {
                at: now,
                notification_id: None,
                step: skipped.step,
                contact_id: skipped.contact_id,
                decision: skipped.decision,
                reason: skipped.reason,
            };
            (case_id, row)
        }));
    }

    /// Records why `notification` is not sent.
    fn not_sent(
        &mut self,
        notification: &Notification,
        decision: NonSend,
        reason: Reason,
        now: Timestamp,
    ) {
        let row = NonSendRow {
            at: now,
            notification_id: Some(notification.id),
            step: Some(notification.step.clone()),
            contact_id: Some(notification.contact_id.clone()),
            decision,
            reason,
        };
        self.non_sends.push((notification.case_id, row));
    }

    /// Ends an attempt that its worker left without an outcome.
    fn crashed(&mut self, notification: &Notification, number: u32, now: Timestamp) {
        self.finished_attempts.push(AttemptFinish {
            notification_id: notification.id,
            number,
            finished_at: now,
            outcome: OutcomeKind::Unknown,
            reason: Reason::Crashed,
            provider_message_id: None,
            provider_code: None,
            took_ms: None,
        });
    }
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
