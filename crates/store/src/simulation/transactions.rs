//! Each operation of the store as one transaction over the rows in memory: read the snapshot,
//! call the function of `changes`, write what it says. The conditions are those of the SQL.

use super::courier::spoken;
use super::flaw::Flaw;
use super::ledger::Ledger;
use super::mirror::Op;
use super::promises::{self, Broken, Kept, promise};
use crate::changes::{
    BeginSnapshot, FinishSnapshot, KnownSignal, PutSnapshot, Replay, ReplaySnapshot, Sealed,
    SignalSnapshot, Writes, begin_changes, close_changes, finish_changes, hold_changes,
    look_up_changes, put_account_changes, repeated, replay_changes, signal_changes,
};
use crate::{
    Applied, Begin, BeginRequest, FinishRequest, Finished, LookUpRequest, REPUBLISH_AFTER,
};
use relink_core::Timestamp;
use relink_core::account::AccountUpsert;
use relink_core::case::{Case, CloseReason};
use relink_core::id::{AccountRef, CaseId, NotificationId};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::policy::Rules;
use relink_core::seal::KeyRing;
use relink_core::signal::{KnownEvent, Signal};
use relink_core::time::after;
use std::time::Duration;

/// What a store is opened with, and its clock.
pub(super) struct Terms {
    pub(super) rules: Rules,
    pub(super) keys: KeyRing,
    pub(super) now: Timestamp,
}

impl Ledger {
    pub(super) fn apply(&mut self, signal: &Signal, terms: &Terms) -> Result<Applied, Broken> {
        if let Some(known) = self.signals.get(&signal.event_id)
            && self.flaw != Some(Flaw::DedupeOff)
        {
            let Signal { event_id, account_ref, kind, digest, .. } = known.row.signal.clone();
            let event = KnownEvent { event_id, account_ref, kind, digest };
            let applied = repeated(signal, &KnownSignal { event, case_id: known.case_id });
            self.note(terms.now, || Op::Apply(signal.clone(), applied.clone()));
            return Ok(applied);
        }
        let open_case = self.open_case(&signal.account_ref).map(|stored| stored.case.clone());
        let snapshot = SignalSnapshot {
            account: self.accounts.get(&signal.account_ref).cloned(),
            last_closed_at: self.last_closed_at(&signal.account_ref),
            notifications: open_case
                .as_ref()
                .map_or_else(Vec::new, |c| self.notifications_of(c.id)),
            open_case,
        };
        let (applied, writes) = signal_changes(signal, snapshot, &terms.rules, terms.now);
        self.commit(writes)?;
        self.note(terms.now, || Op::Apply(signal.clone(), applied.clone()));
        Ok(applied)
    }

    /// `expired_cases.sql`, and what it is for.
    pub(super) fn expire(&mut self, most: usize, now: Timestamp) -> Result<usize, Broken> {
        let expired = |case: &&Case| case.is_open() && case.expires_at <= now;
        let cases = self.cases.iter().map(|stored| &stored.case);
        let mut due: Vec<Case> = cases.filter(expired).cloned().collect();
        due.sort_by_key(|case| case.expires_at);
        due.truncate(most);
        due.iter().try_for_each(|case| self.close(case, CloseReason::Expired, now))?;
        self.note(now, || Op::Expire(most, due.len()));
        Ok(due.len())
    }

    /// `claim_due.sql`.
    pub(super) fn claim(&mut self, most: usize, now: Timestamp) -> Vec<NotificationId> {
        let forgets = self.flaw == Some(Flaw::ClaimForgets);
        let mut due: Vec<_> = self.notifications.iter_mut().collect();
        due.retain(|stored| stored.wake_at.is_some_and(|wake_at| wake_at <= now));
        due.sort_by_key(|stored| stored.wake_at);
        due.truncate(most);
        for stored in &mut due {
            stored.wake_at = (!forgets).then_some(after(now, REPUBLISH_AFTER));
        }
        let claimed: Vec<_> = due.iter().map(|stored| stored.notification.id).collect();
        self.note(now, || Op::Claim(most, claimed.clone()));
        claimed
    }

    /// `give_back.sql`.
    pub(super) fn give_back(&mut self, ids: &[NotificationId], now: Timestamp) {
        self.note(now, || Op::GiveBack(ids.to_vec()));
        for id in ids {
            if let Some(stored) = self.notification_mut(*id)
                && stored.wake_at.is_some()
            {
                let row = &stored.notification;
                stored.wake_at = Some(row.lease_until.map_or(now, |until| until.max(now)))
                    .map(|at| at.max(row.due_at));
            }
        }
    }

    pub(super) fn begin(&mut self, request: &BeginRequest, terms: &Terms) -> Result<Begin, Broken> {
        let id = request.notification_id;
        let Some(mut snapshot) = self.begin_snapshot(id)? else {
            return Ok(Begin::NotNow);
        };
        self.mislead(&mut snapshot);
        let (begin, writes) =
            begin_changes(request, snapshot, &terms.rules, &terms.keys, terms.now);
        if let Begin::Send(open) | Begin::LookUp(open) = &begin {
            promises::of_intent(self, open, &terms.rules, terms.now)?;
        }
        if let Begin::Send(_) = &begin {
            promises::of_send(self, id)?;
        }
        self.commit(writes)?;
        if let Begin::Send(open) | Begin::LookUp(open) = &begin {
            let leads_to = self.links.get(&open.link.hash());
            promise!(leads_to == Some(&id), "the link of {id} leads to {leads_to:?}");
        }
        self.note(terms.now, || Op::Begin(request.clone(), spoken(&begin)));
        Ok(begin)
    }

    /// What the gate looks at.
    pub(super) fn begin_snapshot(
        &self,
        id: NotificationId,
    ) -> Result<Option<BeginSnapshot>, Broken> {
        let Some(stored) = self.notification(id).cloned() else { return Ok(None) };
        let row = &stored.notification;
        let Some(case) = self.case(row.case_id).cloned() else {
            return Err(Broken(format!("notification {id} has no case")));
        };
        let sent_before = self.notifications.iter().map(|other| &other.notification).any(|other| {
            (other.case_id, &other.contact_id) == (row.case_id, &row.contact_id)
                && other.id != id
                && other.state == NotificationState::Sent
        });
        Ok(Some(BeginSnapshot {
            contact: self.contact(&row.account_ref, &row.contact_id).cloned(),
            last_attempt: self.attempts.get(&(id, row.attempts)).cloned(),
            case,
            sent_before,
            notification: stored,
        }))
    }

    /// Shows the gate what some flaws would.
    fn mislead(&self, snapshot: &mut BeginSnapshot) {
        match self.flaw {
            Some(Flaw::LeasesIgnored) => snapshot.notification.notification.lease_until = None,
            Some(Flaw::GateReadsOldCase) => {
                let case = &mut snapshot.case.case;
                (case.hold, case.closed_at, case.close_reason) = (None, None, None);
            }
            Some(Flaw::ConsentIgnored) => {
                if let Some(contact) = &mut snapshot.contact {
                    contact.sms_consent = true;
                }
            }
            Some(_) | None => {}
        }
    }

    pub(super) fn finish(
        &mut self,
        request: &FinishRequest,
        terms: &Terms,
    ) -> Result<Finished, Broken> {
        let mut request = request.clone();
        if self.flaw == Some(Flaw::FencesIgnored)
            && let Some(stored) = self.notification(request.notification_id)
        {
            request.fence = stored.notification.fence;
        }
        let snapshot = self.under_way(request.notification_id, request.number)?;
        let (finished, writes) = finish_changes(&request, snapshot, &terms.rules, terms.now);
        self.commit(writes)?;
        self.note(terms.now, || Op::Finish(request, finished.clone()));
        Ok(finished)
    }

    pub(super) fn finish_look_up(
        &mut self,
        request: &LookUpRequest,
        now: Timestamp,
    ) -> Result<Finished, Broken> {
        let snapshot = self.under_way(request.notification_id, request.number)?;
        let (finished, writes) = look_up_changes(request, snapshot, now);
        self.commit(writes)?;
        self.note(now, || Op::FinishLookUp(request.clone(), finished.clone()));
        Ok(finished)
    }

    fn under_way(&self, id: NotificationId, number: u32) -> Result<FinishSnapshot, Broken> {
        let missing = || Broken(format!("attempt {number} of {id} was never begun"));
        let notification = self.notification(id).ok_or_else(missing)?.clone();
        let row = &notification.notification;
        Ok(FinishSnapshot {
            case: self.case(row.case_id).ok_or_else(missing)?.case.clone(),
            contact: self.contact(&row.account_ref, &row.contact_id).cloned(),
            attempt: self.attempts.get(&(id, number)).ok_or_else(missing)?.clone(),
            notification,
        })
    }

    /// `renew.sql`.
    pub(super) fn renew(
        &mut self,
        id: NotificationId,
        fence: i64,
        lease: Duration,
        now: Timestamp,
    ) -> bool {
        let Some(stored) = self.notification_mut(id) else { return false };
        let row = &mut stored.notification;
        let held = matches!(row.state, NotificationState::Sending | NotificationState::Doubtful);
        let ours = row.fence == fence && row.lease_until.is_some() && held;
        if ours {
            row.lease_until = Some(after(now, lease));
            stored.wake_at = row.lease_until;
        }
        self.note(now, || Op::Renew(id, fence, lease, ours));
        ours
    }

    pub(super) fn put_account(
        &mut self,
        upsert: &AccountUpsert,
        sealed: Sealed,
        terms: &Terms,
    ) -> Kept {
        self.note(terms.now, || Op::Put(upsert.clone()));
        let case = self.open_case(&upsert.account.account_ref).map(|stored| stored.case.clone());
        let snapshot = case.map(|case| PutSnapshot {
            notifications: self.notifications_of(case.id),
            non_sends: self
                .non_sends
                .iter()
                .filter(|(of, _)| *of == case.id)
                .map(|(_, row)| row.clone())
                .collect(),
            case,
        });
        self.commit(put_account_changes(upsert, sealed, snapshot, &terms.rules, terms.now))
    }

    /// Answers whether there was one.
    pub(super) fn delete_account(
        &mut self,
        account_ref: &AccountRef,
        now: Timestamp,
    ) -> Result<bool, Broken> {
        let known = self.accounts.contains_key(account_ref);
        self.note(now, || Op::Delete(account_ref.clone(), known));
        if !known {
            return Ok(false);
        }
        if let Some(case) = self.open_case(account_ref).map(|stored| stored.case.clone()) {
            self.close(&case, CloseReason::AccountDeleted, now)?;
        }
        let deleted_accounts = vec![account_ref.clone()];
        self.commit(Writes { deleted_accounts, ..Writes::default() })?;
        Ok(true)
    }

    pub(super) fn close_case(&mut self, case: &Case, reason: CloseReason, now: Timestamp) -> Kept {
        self.note(now, || Op::Close(case.id, reason));
        self.close(case, reason, now)
    }

    fn close(&mut self, case: &Case, reason: CloseReason, now: Timestamp) -> Kept {
        let notifications = match self.flaw {
            Some(Flaw::CloseCancelsNothing) => Vec::new(),
            Some(_) | None => self.notifications_of(case.id),
        };
        self.commit(close_changes(case, reason, &notifications, now))
    }

    /// Answers whether there was anything to change.
    pub(super) fn hold(&mut self, id: CaseId, hold: bool, now: Timestamp) -> Result<bool, Broken> {
        let Some(case) = self.case(id).map(|stored| stored.case.clone()) else {
            return Ok(false);
        };
        let known = self.accounts.contains_key(&case.account_ref);
        let Some(writes) = hold_changes(&case, &self.notifications_of(id), known, hold, now) else {
            self.note(now, || Op::Hold(id, hold, false));
            return Ok(false);
        };
        self.commit(writes)?;
        self.note(now, || Op::Hold(id, hold, true));
        Ok(true)
    }

    /// Answers whether it was planned again.
    pub(super) fn replay(&mut self, id: NotificationId, now: Timestamp) -> Result<bool, Broken> {
        let Some(stored) = self.notification(id).cloned() else { return Ok(false) };
        let Some(case) = self.case(stored.notification.case_id).map(|stored| stored.case.clone())
        else {
            return Ok(false);
        };
        let replayed = self
            .non_sends
            .iter()
            .any(|(_, row)| row.notification_id == Some(id) && row.decision == NonSend::Replayed);
        let snapshot = ReplaySnapshot { notification: stored, case, replayed };
        let Replay::Plan(again, writes) = replay_changes(&snapshot, now) else { return Ok(false) };
        promise!(self.notification(again).is_none(), "{again} was there before the replay of {id}");
        self.commit(*writes)?;
        let state = self.notification(again).map(|stored| stored.notification.state);
        promise!(state == Some(NotificationState::Planned), "{id} was not planned again");
        self.note(now, || Op::Replay(id, again));
        Ok(true)
    }
}
