#![allow(clippy::wildcard_enum_match_arm, reason = "an unexpected variant fails the test")]

use super::*;
use crate::account::{Channel, Role};
use crate::id::{AccountRef, CaseId, EventId, NotificationId, StepId};
use crate::plan::tests::{at, contact, rules};
use crate::signal::SignalKind;

pub(crate) fn snapshot(channel: Channel) -> GateSnapshot {
    let case_id = CaseId::opened_by(&EventId::parse("evt-1").unwrap());
    let account_ref = AccountRef::parse("clinic_1").unwrap();
    let contact = contact("u", Role::User, true, true);
    let step = StepId::parse("first").unwrap();
    let case = Case {
        id: case_id,
        account_ref: account_ref.clone(),
        kind: SignalKind::LoginRequired,
        opened_at: at(0),
        expires_at: at(30 * 24 * 60),
        hold: None,
        closed_at: None,
        close_reason: None,
        signals: 1,
        emr_instance_domain: None,
        error_type: None,
    };
    let notification = Notification {
        id: NotificationId::derive(case_id, &step, &contact.id, channel),
        case_id,
        account_ref,
        step,
        channel,
        contact_id: contact.id.clone(),
        state: NotificationState::Planned,
        reason: None,
        planned_for: at(10),
        due_at: at(10),
        fence: 0,
        lease_until: None,
        attempts: 0,
        spent: 0,
        doubts: 0,
        looks: 0,
    };
    GateSnapshot { notification, case, contact: Some(contact) }
}

fn judged(snapshot: &GateSnapshot, minutes: i64) -> Verdict {
    gate(snapshot, &rules(), at(minutes))
}

fn is_send(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Send { closes_doubt: false, .. })
}

fn ended(verdict: Verdict) -> (NotificationState, Reason, bool) {
    match verdict {
        Verdict::End { state, reason, closes_doubt, .. } => (state, reason, closes_doubt),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_due_and_wanted_is_sent_and_never_early() {
    let fresh = snapshot(Channel::Email);
    assert_eq!(judged(&fresh, 9), Verdict::NotNow);
    assert!(is_send(&judged(&fresh, 10)));
}

#[test]
fn every_end_and_every_live_lease_is_left_alone() {
    for state in NotificationState::ALL.iter().copied() {
        let mut held = snapshot(Channel::Email);
        held.notification.state = state;
        held.notification.lease_until = (!state.is_end()).then(|| at(21));
        assert_eq!(judged(&held, 20), Verdict::NotNow, "{state}");
    }
}

#[test]
fn each_obstacle_has_its_own_reason() {
    let check = |change: &dyn Fn(&mut GateSnapshot), minutes, state, reason| {
        let mut snapshot = snapshot(Channel::Sms);
        change(&mut snapshot);
        assert_eq!(ended(judged(&snapshot, minutes)), (state, reason, false));
    };
    use NotificationState::{Cancelled, Skipped};
    let closed = |why| {
        move |s: &mut GateSnapshot| {
            s.case.closed_at = Some(at(11));
            s.case.close_reason = Some(why);
        }
    };
    check(&closed(CloseReason::Repaired), 20, Cancelled, Reason::CaseClosed);
    check(&closed(CloseReason::Operator), 20, Cancelled, Reason::CaseClosed);
    check(&closed(CloseReason::AccountDeleted), 20, Cancelled, Reason::CaseClosed);
    check(&closed(CloseReason::Expired), 20, Cancelled, Reason::CaseExpired);
    check(&|s| s.case.expires_at = at(20), 20, Cancelled, Reason::CaseExpired);
    check(&|_| {}, 10 + 24 * 60 + 1, Skipped, Reason::Late);
    check(&|s| s.contact = None, 20, Skipped, Reason::ContactRemoved);
    check(&|s| s.contact.as_mut().unwrap().phone = None, 20, Skipped, Reason::NoUsableChannel);
    check(
        &|s| s.contact.as_mut().unwrap().sms_consent = false,
        20,
        Skipped,
        Reason::NoUsableChannel,
    );
}

#[test]
fn exactly_late_by_max_is_still_in_time() {
    assert!(is_send(&judged(&snapshot(Channel::Email), 10 + 24 * 60)));
}

#[test]
fn a_held_case_parks_its_notifications() {
    let mut held = snapshot(Channel::Email);
    held.case.hold = Some(HoldReason::Operator);
    assert_eq!(judged(&held, 20), Verdict::Park { reason: Reason::OperatorHold });
}

#[test]
fn a_disabled_channel_is_not_used() {
    let mut rules = rules();
    rules.channels.sms = false;
    let verdict = gate(&snapshot(Channel::Sms), &rules, at(20));
    assert_eq!(ended(verdict), (NotificationState::Skipped, Reason::NoUsableChannel, false));
}

fn crashed(channel: Channel, doubts: u32) -> GateSnapshot {
    let mut crashed = snapshot(channel);
    crashed.notification.state = NotificationState::Sending;
    crashed.notification.lease_until = Some(at(12));
    crashed.notification.attempts = doubts + 1;
    crashed.notification.doubts = doubts;
    crashed
}

#[test]
fn a_crashed_email_is_sent_once_more_and_then_left_to_the_operator() {
    assert!(matches!(
        judged(&crashed(Channel::Email, 0), 12),
        Verdict::Send { closes_doubt: true, .. }
    ));
    assert_eq!(
        ended(judged(&crashed(Channel::Email, 1), 12)),
        (NotificationState::Dead, Reason::InDoubt, true)
    );
}

#[test]
fn a_crashed_text_message_is_looked_for_and_never_resent_blindly() {
    let crashed = crashed(Channel::Sms, 0);
    assert_eq!(judged(&crashed, 12), Verdict::Doubt { look_at: at(13) });
    let mut doubtful = crashed;
    doubtful.notification.state = NotificationState::Doubtful;
    doubtful.notification.lease_until = None;
    doubtful.notification.doubts = 1;
    doubtful.notification.due_at = at(13);
    assert_eq!(judged(&doubtful, 12), Verdict::NotNow);
    assert!(matches!(judged(&doubtful, 13), Verdict::LookUp { .. }));
}

#[test]
fn hold_leaves_every_doubt_to_the_operator() {
    let mut rules = rules();
    rules.email_on_unknown = OnUnknown::Hold;
    rules.sms_on_unknown = OnUnknown::Hold;
    for channel in [Channel::Email, Channel::Sms] {
        let verdict = gate(&crashed(channel, 0), &rules, at(12));
        assert_eq!(ended(verdict), (NotificationState::Dead, Reason::InDoubt, true));
    }
}

#[test]
fn a_repair_ends_a_doubt_without_another_send() {
    let mut repaired = crashed(Channel::Email, 0);
    repaired.case.closed_at = Some(at(11));
    repaired.case.close_reason = Some(CloseReason::Repaired);
    assert_eq!(
        ended(judged(&repaired, 12)),
        (NotificationState::Cancelled, Reason::CaseClosed, true)
    );
}

#[test]
fn nothing_is_ever_sent_after_close_or_under_a_lease() {
    // The full product of what can be true of a row, rather than a sample.
    for state in NotificationState::ALL.iter().copied() {
        for closed in [false, true] {
            for lease in [None, Some(at(19)), Some(at(21))] {
                for channel in Channel::ALL.iter().copied() {
                    let mut any = snapshot(channel);
                    any.notification.state = state;
                    any.notification.lease_until = lease;
                    any.case.closed_at = closed.then(|| at(15));
                    any.case.close_reason = closed.then_some(CloseReason::Repaired);
                    let verdict = judged(&any, 20);
                    let sends = matches!(verdict, Verdict::Send { .. } | Verdict::LookUp { .. });
                    let allowed =
                        !closed && lease.is_none_or(|until| until <= at(20)) && !state.is_end();
                    assert!(!sends || allowed, "{state} {closed} {lease:?} {verdict:?}");
                }
            }
        }
    }
}
