//! The rows of the store in memory, with the meaning that the SQL gives them: the same unique
//! keys, the same conditions of each statement, one transaction at a time. What to write is
//! decided by the functions of `changes`, as in both databases.

use super::flaw::Flaw;
use super::mirror::Op;
use super::promises::{self, Broken, Kept, promise};
use crate::changes::{SignalWrite, VisitWrite, Writes};
use crate::rows::{StoredCase, StoredNotification};
use crate::{AttemptRow, NonSendRow};
use relink_core::Timestamp;
use relink_core::account::{Account, Contact};
use relink_core::attempt::OutcomeKind;
use relink_core::case::Case;
use relink_core::id::{AccountRef, CaseId, ContactId, EventId, NotificationId};
use relink_core::signal::SignalKind;
use relink_core::time::whole_millis;
use std::collections::BTreeMap;

/// Every row. Vectors are in the order of their insertion.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) accounts: BTreeMap<AccountRef, Account>,
    pub(super) cases: Vec<StoredCase>,
    pub(super) signals: BTreeMap<EventId, SignalWrite>,
    pub(super) notifications: Vec<StoredNotification>,
    pub(super) attempts: BTreeMap<(NotificationId, u32), AttemptRow>,
    pub(super) non_sends: Vec<(CaseId, NonSendRow)>,
    pub(super) links: BTreeMap<String, NotificationId>,
    pub(super) visits: Vec<VisitWrite>,
    /// What is wrong with it, in the tests that must fail.
    pub(super) flaw: Option<Flaw>,
    /// The notifications that the last commit touched.
    pub(super) touched: Vec<NotificationId>,
    /// Every operation with its moment and its answer, for a run that is mirrored.
    pub(super) log: Option<Vec<(Timestamp, Op)>>,
}

impl Ledger {
    pub(super) fn note(&mut self, now: Timestamp, op: impl FnOnce() -> Op) {
        if let Some(log) = &mut self.log {
            log.push((now, op()));
        }
    }

    /// Writes everything in the order of `sqlite::write`, then looks at what was touched.
    pub(super) fn commit(&mut self, writes: Writes) -> Kept {
        let reasons: Vec<NonSendRow> =
            writes.non_sends.iter().map(|(_, row)| row.clone()).collect();
        for write in writes.accounts {
            self.accounts.insert(write.account.account_ref.clone(), write.account);
        }
        for account_ref in &writes.deleted_accounts {
            self.accounts.remove(account_ref);
        }
        for new in writes.new_cases {
            self.insert_case(new)?;
        }
        self.touched.clear();
        for case in writes.cases {
            let ids = self.ids_of(case.id);
            self.touched.extend(ids);
            self.update_case(case)?;
        }
        for signal in writes.signals {
            let id = signal.row.signal.event_id.clone();
            let known = self.signals.insert(id.clone(), signal);
            promise!(known.is_none(), "event {id} was applied twice");
        }
        for (new, _) in &writes.new_notifications {
            self.touched.push(new.id);
            if self.notification(new.id).is_none() {
                self.notifications.push(StoredNotification::planned(new));
            }
        }
        for (stored, _) in writes.notifications {
            self.update_notification(stored, &reasons)?;
        }
        for row in writes.new_attempts {
            let known = self.attempts.insert((row.notification_id, row.number), row);
            promise!(known.is_none(), "an attempt was begun twice");
        }
        for finish in writes.finished_attempts {
            let row = self.attempt_mut(finish.notification_id, finish.number)?;
            promise!(row.outcome.is_none(), "an outcome was to be written over {:?}", row.outcome);
            row.finished_at = Some(finish.finished_at);
            row.outcome = Some(finish.outcome);
            row.reason = Some(finish.reason);
            row.provider_message_id = finish.provider_message_id;
            row.provider_code = finish.provider_code;
            row.took_ms = finish.took_ms;
        }
        for resolution in writes.resolved_attempts {
            let row = self.attempt_mut(resolution.notification_id, resolution.number)?;
            let in_doubt = row.outcome == Some(OutcomeKind::Unknown) && row.resolved_as.is_none();
            promise!(in_doubt, "what is known of an attempt was to be written over");
            row.resolved_as = Some(resolution.resolved_as);
            if resolution.provider_message_id.is_some() {
                row.provider_message_id = resolution.provider_message_id;
            }
        }
        self.non_sends.extend(writes.non_sends);
        self.visits.extend(writes.visits);
        for link in writes.links {
            self.links.entry(link.token_hash).or_insert(link.notification_id);
        }
        self.touched.sort_unstable();
        self.touched.dedup();
        self.touched.iter().try_for_each(|id| promises::of_notification(self, *id))
    }

    /// Key, and the unique index `cases_one_open`.
    fn insert_case(&mut self, new: StoredCase) -> Kept {
        let id = new.case.id;
        promise!(self.case(id).is_none(), "case {id} was opened twice");
        let other = self.open_case(&new.case.account_ref);
        promise!(other.is_none(), "a second open case for {}", new.case.account_ref);
        self.cases.push(new);
        Ok(())
    }

    fn update_case(&mut self, case: Case) -> Kept {
        let Some(old) = self.cases.iter_mut().find(|old| old.case.id == case.id) else {
            return Err(Broken(format!("case {} is not there", case.id)));
        };
        promise!(old.case.closed_at.is_none(), "case {} changed after its end", case.id);
        promise!(case.signals >= old.case.signals, "case {} forgot a signal", case.id);
        promise!(
            case.closed_at.is_some() == case.close_reason.is_some(),
            "case {} ended without a reason",
            case.id
        );
        old.case = case;
        Ok(())
    }

    fn update_notification(&mut self, new: StoredNotification, reasons: &[NonSendRow]) -> Kept {
        let id = new.notification.id;
        let Some(old) = self.notifications.iter_mut().find(|old| old.notification.id == id) else {
            return Err(Broken(format!("notification {id} is not there")));
        };
        promises::of_move(old, &new, reasons)?;
        *old = new;
        // The columns have whole milliseconds; jitter and a provider's wish may be finer.
        old.notification.due_at = whole_millis(old.notification.due_at);
        old.wake_at = old.wake_at.map(whole_millis);
        self.touched.push(id);
        Ok(())
    }

    pub(super) fn notification(&self, id: NotificationId) -> Option<&StoredNotification> {
        self.notifications.iter().find(|stored| stored.notification.id == id)
    }

    pub(super) fn notification_mut(
        &mut self,
        id: NotificationId,
    ) -> Option<&mut StoredNotification> {
        self.notifications.iter_mut().find(|stored| stored.notification.id == id)
    }

    fn attempt_mut(&mut self, id: NotificationId, number: u32) -> Result<&mut AttemptRow, Broken> {
        let missing = || Broken(format!("attempt {number} of {id} is not there"));
        self.attempts.get_mut(&(id, number)).ok_or_else(missing)
    }

    pub(super) fn attempts_of(&self, id: NotificationId) -> impl Iterator<Item = &AttemptRow> {
        self.attempts.range((id, 0)..=(id, u32::MAX)).map(|(_, row)| row)
    }

    pub(super) fn case(&self, id: CaseId) -> Option<&StoredCase> {
        self.cases.iter().find(|stored| stored.case.id == id)
    }

    pub(super) fn open_case(&self, account_ref: &AccountRef) -> Option<&StoredCase> {
        let open = |stored: &&StoredCase| stored.case.is_open();
        self.cases.iter().filter(open).find(|stored| stored.case.account_ref == *account_ref)
    }

    pub(super) fn last_closed_at(&self, account_ref: &AccountRef) -> Option<Timestamp> {
        let of = |stored: &&StoredCase| stored.case.account_ref == *account_ref;
        let ends = self.cases.iter().filter(of).filter_map(|stored| stored.case.closed_at);
        let repairs = self.signals.values().map(|write| &write.row).filter(|row| {
            row.signal.account_ref == *account_ref && row.signal.kind == SignalKind::Repaired
        });
        ends.chain(repairs.map(|row| row.applied_at)).max()
    }

    pub(super) fn notifications_of(&self, case: CaseId) -> Vec<StoredNotification> {
        let of = |stored: &&StoredNotification| stored.notification.case_id == case;
        self.notifications.iter().filter(of).cloned().collect()
    }

    fn ids_of(&self, case: CaseId) -> Vec<NotificationId> {
        let rows = self.notifications.iter().map(|stored| &stored.notification);
        rows.filter(|row| row.case_id == case).map(|row| row.id).collect()
    }

    pub(super) fn contact(&self, account_ref: &AccountRef, id: &ContactId) -> Option<&Contact> {
        self.accounts.get(account_ref)?.contacts.iter().find(|contact| contact.id == *id)
    }
}
