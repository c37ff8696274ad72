//! What asking the gate writes: an attempt and a lease, or the reason why not.

use super::case::ended;
use super::finish::accepted_meanwhile;
use super::{LinkWrite, Writes};
use crate::rows::{StoredCase, StoredNotification};
use crate::{AttemptRow, Begin, BeginRequest, OpenAttempt};
use relink_core::Timestamp;
use relink_core::account::{Address, Contact};
use relink_core::attempt::Reason;
use relink_core::gate::{GateSnapshot, Verdict, gate};
use relink_core::link::LinkToken;
use relink_core::notification::{NonSend, Notification, NotificationState};
use relink_core::policy::Rules;
use relink_core::seal::{KeyRing, SealKey};
use relink_core::time::{after, since};

/// Everything about one notification that a worker asks for.
#[derive(Debug, Clone)]
pub(crate) struct BeginSnapshot {
    pub(crate) notification: StoredNotification,
    pub(crate) case: StoredCase,
    /// The contact, if it still exists.
    pub(crate) contact: Option<Contact>,
    /// The attempt with the highest number.
    pub(crate) last_attempt: Option<AttemptRow>,
    /// Whether another notification of the case is in state `sent`.
    pub(crate) sent_before: bool,
}

/// Asks the gate, and says what to write and what to tell the worker.
pub(crate) fn begin_changes(
    request: &BeginRequest,
    snapshot: BeginSnapshot,
    rules: &Rules,
    keys: &KeyRing,
    now: Timestamp,
) -> (Begin, Writes) {
    let question = GateSnapshot {
        notification: snapshot.notification.notification.clone(),
        case: snapshot.case.case.clone(),
        contact: snapshot.contact.clone(),
    };
    let verdict = gate(&question, rules, now);
    if verdict != Verdict::NotNow && accepted_meanwhile(&question.notification) {
        // The worker that held it crashed, but an attempt before is known to have arrived.
        return arrived(snapshot, now);
    }
    let asked = Asked { request, snapshot, rules, keys, now };
    match verdict {
        Verdict::NotNow => asked.not_now(),
        Verdict::Send { address, closes_doubt } => asked.send(address, closes_doubt),
        Verdict::LookUp { address } => asked.look_up(address),
        Verdict::Doubt { look_at } => asked.doubt(look_at),
        Verdict::End { state, decision, reason, closes_doubt } => {
            let mut writes = Writes::default();
            let mut stored = asked.snapshot.notification;
            if closes_doubt {
                close_doubt(&mut stored.notification, &mut writes, now);
            }
            let stored = ended(&stored, state, reason);
            let step = stored.notification.step.clone();
            writes.not_sent(&stored.notification, decision, reason, now);
            writes.notifications.push((stored, now));
            (Begin::NotSent { step, state, reason }, writes)
        }
        Verdict::Park { reason } => asked.park(reason),
    }
}

fn arrived(snapshot: BeginSnapshot, now: Timestamp) -> (Begin, Writes) {
    let mut writes = Writes::default();
    let mut stored = snapshot.notification;
    close_doubt(&mut stored.notification, &mut writes, now);
    let (state, reason) = (NotificationState::Sent, Reason::Accepted);
    writes.notifications.push((ended(&stored, state, reason), now));
    (Begin::NotSent { step: stored.notification.step, state, reason }, writes)
}

struct Asked<'a> {
    request: &'a BeginRequest,
    snapshot: BeginSnapshot,
    rules: &'a Rules,
    keys: &'a KeyRing,
    now: Timestamp,
}

impl Asked<'_> {
    /// Only makes sure that the scheduler comes back in time.
    fn not_now(self) -> (Begin, Writes) {
        let mut writes = Writes::default();
        let mut stored = self.snapshot.notification;
        let Notification { state, due_at, lease_until, .. } = stored.notification;
        let needed = lease_until.map_or(due_at, |until| until.max(due_at));
        if !state.is_end() && stored.wake_at.is_none_or(|wake_at| wake_at > needed) {
            stored.wake_at = Some(needed);
            writes.notifications.push((stored, self.now));
        }
        (Begin::NotNow, writes)
    }

    fn send(mut self, address: Address, closes_doubt: bool) -> (Begin, Writes) {
        let mut writes = Writes::default();
        let notification = &mut self.snapshot.notification.notification;
        if closes_doubt {
            close_doubt(notification, &mut writes, self.now);
        }
        notification.state = NotificationState::Sending;
        notification.attempts = notification.attempts.saturating_add(1);
        // A new message is in doubt from here on; looks for the one before say nothing about it.
        notification.looks = 0;
        let number = notification.attempts;
        self.take_lease();
        writes.new_attempts.push(self.attempt_row(&address, number));
        let link = self.link(&mut writes);
        let open = self.open_attempt(address, link, number, self.now);
        writes.notifications.push((self.snapshot.notification, self.now));
        (Begin::Send(Box::new(open)), writes)
    }

    fn look_up(mut self, address: Address) -> (Begin, Writes) {
        let mut writes = Writes::default();
        self.take_lease();
        let link = self.link(&mut writes);
        let number = self.snapshot.notification.notification.attempts;
        let begun_at = self.snapshot.last_attempt.as_ref().map_or(
            // Without the row, as far back as the message can have gone.
            self.snapshot.notification.notification.planned_for,
            |attempt| attempt.started_at,
        );
        let open = self.open_attempt(address, link, number, begun_at);
        writes.notifications.push((self.snapshot.notification, self.now));
        (Begin::LookUp(Box::new(open)), writes)
    }

    fn doubt(self, look_at: Timestamp) -> (Begin, Writes) {
        let mut writes = Writes::default();
        let mut stored = self.snapshot.notification;
        close_doubt(&mut stored.notification, &mut writes, self.now);
        let step = stored.notification.step.clone();
        let (state, reason) = (NotificationState::Doubtful, Reason::Crashed);
        stored.notification.state = state;
        stored.notification.reason = Some(reason);
        stored.notification.due_at = look_at;
        stored.notification.lease_until = None;
        stored.lease_owner = None;
        stored.wake_at = Some(look_at);
        writes.notifications.push((stored, self.now));
        (Begin::NotSent { step, state, reason }, writes)
    }

    fn park(self, reason: Reason) -> (Begin, Writes) {
        let mut writes = Writes::default();
        let mut stored = self.snapshot.notification;
        let (step, state) = (stored.notification.step.clone(), stored.notification.state);
        // A doubt keeps its own reason: it is what a later resend will be said to be for.
        let in_doubt = state == NotificationState::Doubtful;
        let said = in_doubt || stored.notification.reason == Some(reason);
        if stored.wake_at.is_some() || !said {
            if !in_doubt {
                stored.notification.reason = Some(reason);
            }
            stored.wake_at = None;
            stored.notification.lease_until = None;
            stored.lease_owner = None;
            writes.not_sent(&stored.notification, NonSend::Held, reason, self.now);
            writes.notifications.push((stored, self.now));
        }
        (Begin::NotSent { step, state, reason }, writes)
    }

    fn take_lease(&mut self) {
        let until = after(self.now, self.request.lease);
        let stored = &mut self.snapshot.notification;
        stored.notification.fence = stored.notification.fence.saturating_add(1);
        stored.notification.lease_until = Some(until);
        stored.lease_owner = Some(self.request.worker.clone());
        stored.wake_at = Some(until);
    }

    /// The link, derived with the key of the first attempt for as long as there is that key.
    fn link(&mut self, writes: &mut Writes) -> LinkToken {
        let stored = &mut self.snapshot.notification;
        let first = stored.link_key.as_deref().and_then(|id| self.keys.get(id));
        let key: &SealKey = first.unwrap_or_else(|| self.keys.sealing());
        let id = stored.notification.id;
        let link = LinkToken::derive(key, id);
        if stored.link_key.as_deref() != Some(key.id()) {
            stored.link_key = Some(key.id().to_owned());
            writes.links.push(LinkWrite { token_hash: link.hash(), notification_id: id });
        }
        link
    }

    fn attempt_row(&self, address: &Address, number: u32) -> AttemptRow {
        let notification = self.snapshot.notification.notification.clone();
        AttemptRow {
            notification_id: notification.id,
            number,
            case_id: notification.case_id,
            account_ref: notification.account_ref,
            step: notification.step,
            channel: notification.channel,
            contact_id: notification.contact_id,
            address: address.masked(),
            started_at: self.now,
            finished_at: None,
            outcome: None,
            reason: None,
            resolved_as: None,
            provider_message_id: None,
            provider_code: None,
            took_ms: None,
            worker: self.request.worker.clone(),
        }
    }

    fn open_attempt(
        &self,
        address: Address,
        link: LinkToken,
        number: u32,
        begun_at: Timestamp,
    ) -> OpenAttempt {
        let BeginSnapshot { notification, case, contact, sent_before, .. } = &self.snapshot;
        let late_at = after(notification.notification.planned_for, self.rules.policy.late_by_max);
        OpenAttempt {
            snapshot: GateSnapshot {
                notification: notification.notification.clone(),
                case: case.case.clone(),
                contact: contact.clone(),
            },
            address,
            link,
            number,
            reminder: *sent_before,
            trace: case.trace,
            begun_at,
            valid_for: since(self.now, late_at.min(case.case.expires_at)),
        }
    }
}

/// The last attempt ended without an outcome: it may have gone out.
pub(super) fn close_doubt(notification: &mut Notification, writes: &mut Writes, now: Timestamp) {
    writes.crashed(notification, notification.attempts, now);
    notification.doubts = notification.doubts.saturating_add(1);
}
