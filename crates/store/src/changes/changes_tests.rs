//! The rules of the store as tables, without a database. What they mean over time is in the
//! behaviour suite.

use super::*;
use crate::{Begin, BeginRequest};
use relink_core::account::{Channel, Contact, Role};
use relink_core::case::{CloseReason, HoldReason};
use relink_core::id::{ContactId, EventId, StepId, WorkerId};
use relink_core::masked::{EmailAddress, Secret};
use relink_core::notification::NotificationState;
use relink_core::policy::{EnabledChannels, OnUnknown, Policy, Rules};
use relink_core::seal::{KEY_LEN, KeyRing, SealKey};
use relink_core::signal::SignalKind;
use relink_core::time::{after, from_millis};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> Timestamp {
    from_millis(1_767_225_600_000)
}

fn rules() -> Rules {
    Rules {
        policy: Policy {
            settle: Duration::ZERO,
            expire: 100 * MINUTE,
            late_by_max: 50 * MINUTE,
            steps: Vec::new(),
        },
        channels: EnabledChannels { email: true, sms: true, in_app: true },
        email_on_unknown: OnUnknown::ResendOnce,
        sms_on_unknown: OnUnknown::LookUp,
        app: Vec::new(),
    }
}

fn keys(id: &str) -> KeyRing {
    KeyRing::new(SealKey::from_bytes(id, &[7; KEY_LEN]).unwrap(), Vec::new())
}

fn case() -> Case {
    Case {
        id: CaseId::opened_by(&EventId::parse("e1").unwrap()),
        account_ref: AccountRef::parse("acc").unwrap(),
        kind: SignalKind::LoginRequired,
        opened_at: now(),
        expires_at: after(now(), 100 * MINUTE),
        hold: None,
        closed_at: None,
        close_reason: None,
        signals: 1,
        emr_instance_domain: None,
        error_type: None,
    }
}

fn stored(state: NotificationState) -> StoredNotification {
    let (step, contact_id) = (StepId::parse("first").unwrap(), ContactId::parse("u1").unwrap());
    let case = case();
    let mut stored = StoredNotification::planned(&NewNotification {
        id: NotificationId::derive(case.id, &step, &contact_id, Channel::Email),
        case_id: case.id,
        account_ref: case.account_ref,
        step,
        channel: Channel::Email,
        contact_id,
        planned_for: now(),
    });
    stored.notification.state = state;
    stored
}

fn ask(stored: StoredNotification, hold: Option<HoldReason>) -> (Begin, Writes) {
    let contact = Contact {
        id: stored.notification.contact_id.clone(),
        role: Role::User,
        email: Some(EmailAddress::parse("jane@example.org").unwrap()),
        phone: None,
        locale: None,
        time_zone: None,
        sms_consent: false,
        name: None,
    };
    let request = BeginRequest {
        notification_id: stored.notification.id,
        worker: WorkerId::parse("w1").unwrap(),
        lease: 2 * MINUTE,
    };
    let snapshot = BeginSnapshot {
        notification: stored,
        case: StoredCase { case: Case { hold, ..case() }, trace: None },
        contact: Some(contact),
        last_attempt: None,
        sent_before: false,
    };
    begin_changes(&request, snapshot, &rules(), &keys("k1"), now())
}

#[test]
fn a_refused_wish_only_ever_makes_the_row_wake_sooner() {
    let at = |minutes: u32| Some(after(now(), minutes * MINUTE));
    // due in, lease ends in, wakes in -> wakes in, `None` for left as it is
    let table = [
        (5, None, at(5), None),
        (5, None, at(3), None),
        (5, None, at(9), Some(at(5))),
        (5, None, None, Some(at(5))),
        (0, at(2), at(2), None),
        (0, at(2), at(9), Some(at(2))),
        (0, at(2), None, Some(at(2))),
        (7, at(2), at(9), Some(at(7))),
    ];
    for (due, lease_until, wake_at, expected) in table {
        let state = match lease_until {
            Some(_) => NotificationState::Sending,
            None => NotificationState::Planned,
        };
        let mut row = stored(state);
        row.notification.due_at = after(now(), due * MINUTE);
        row.notification.lease_until = lease_until;
        row.wake_at = wake_at;
        let (begin, writes) = ask(row.clone(), None);
        assert!(matches!(begin, Begin::NotNow), "{begin:?}");
        let woken = writes.notifications.first().map(|(row, _)| row.wake_at);
        assert_eq!(woken, expected, "{due} {lease_until:?} {wake_at:?}");
        let mut kept = writes.notifications.into_iter().map(|(after, _)| after);
        assert!(kept.all(|after| StoredNotification { wake_at, ..after } == row));
    }
    let (_, writes) = ask(stored(NotificationState::Sent), None);
    assert_eq!(writes, Writes::default());
}

#[test]
fn parking_is_said_once_for_each_reason() {
    let row = stored(NotificationState::Planned);
    let (begin, writes) = ask(row, Some(HoldReason::Operator));
    assert!(matches!(begin, Begin::NotSent { reason: Reason::OperatorHold, .. }), "{begin:?}");
    let (parked, _) = writes.notifications[0].clone();
    assert_eq!((parked.wake_at, writes.non_sends.len()), (None, 1));
    let (begin, writes) = ask(parked.clone(), Some(HoldReason::Operator));
    assert!(matches!(begin, Begin::NotSent { .. }), "{begin:?}");
    assert_eq!(writes, Writes::default());
    let (_, writes) = ask(parked, Some(HoldReason::NoAccount));
    assert_eq!(writes.non_sends[0].1.reason, Reason::NoAccount);
}

#[test]
fn closing_cancels_what_waits_and_leaves_the_rest() {
    for state in NotificationState::ALL {
        let row = stored(*state);
        let writes = close_changes(&case(), CloseReason::Expired, &[row], now());
        assert_eq!(writes.cases[0].close_reason, Some(CloseReason::Expired));
        let cancelled: Vec<_> =
            writes.notifications.iter().map(|(row, _)| row.notification.reason).collect();
        let waits = matches!(state, NotificationState::Planned | NotificationState::Doubtful);
        let expected = if waits { vec![Some(Reason::CaseExpired)] } else { Vec::new() };
        assert_eq!(cancelled, expected, "{state}");
        assert_eq!(writes.non_sends.len(), expected.len(), "{state}");
    }
}

#[test]
fn only_the_dead_of_an_open_case_are_replayed_and_only_once() {
    let closed = Case { closed_at: Some(now()), ..case() };
    for state in NotificationState::ALL {
        for (case, replayed) in [(case(), false), (case(), true), (closed.clone(), false)] {
            let open = case.is_open();
            let snapshot = ReplaySnapshot { notification: stored(*state), case, replayed };
            let planned = match replay_changes(&snapshot, now()) {
                Replay::Plan(_, writes) => writes.new_notifications.len(),
                Replay::Not(_) => 0,
            };
            let dead = *state == NotificationState::Dead;
            assert_eq!(planned, usize::from(dead && open && !replayed), "{state} {replayed}");
        }
    }
}

#[test]
fn a_hold_changes_only_what_is_not_so_already() {
    let held = |hold| Case { hold, ..case() };
    let closed = Case { closed_at: Some(now()), ..case() };
    let (operator, no_account) = (Some(HoldReason::Operator), Some(HoldReason::NoAccount));
    // the case, whether its account is known, what is asked -> the hold afterwards
    let table = [
        (held(None), true, true, Some(operator)),
        (held(None), true, false, None),
        (held(operator), true, true, None),
        (held(operator), true, false, Some(None)),
        (held(operator), false, false, Some(no_account)),
        (held(no_account), false, true, Some(operator)),
        (held(no_account), false, false, None),
        (closed.clone(), true, true, None),
        (closed, true, false, None),
    ];
    for (case, account_known, hold, expected) in table {
        let writes = hold_changes(&case, &[], account_known, hold, now());
        let after = writes.map(|writes| writes.cases[0].hold);
        assert_eq!(after, expected, "{:?} {account_known} {hold}", case.hold);
    }
}

#[test]
fn a_token_opens_only_in_its_row_and_with_its_key() {
    let (acc, other) = (AccountRef::parse("acc").unwrap(), AccountRef::parse("other").unwrap());
    let token = Secret::new("canary");
    let sealed = Sealed::seal(&token, &acc, &keys("k1")).unwrap();
    assert_eq!(sealed.open(&acc, &keys("k1")), Ok(token.clone()));
    assert!(sealed.open(&other, &keys("k1")).is_err());
    let error = sealed.open(&acc, &keys("k2")).unwrap_err().to_string();
    assert!(error.contains("k1") && error.contains("[encryption] keys"), "{error}");
    let renamed = Sealed { key: "k2".to_owned(), ..sealed.clone() };
    assert!(renamed.open(&acc, &keys("k2")).is_err());
    let again = Sealed::seal(&token, &acc, &keys("k1")).unwrap();
    assert_ne!(again.bytes, sealed.bytes);
}
