use super::*;
use crate::case::{CloseReason, HoldReason};
use crate::gate::tests::snapshot;
use crate::notification::NotificationState;
use crate::plan::tests::{at, rules};
use crate::policy::OnUnknown;

type Change = fn(&mut GateSnapshot);

const DUE: i64 = 20;

#[test]
fn cobalt_is_asked_about_whatever_the_gate_would_send_and_about_nothing_else() {
    use BeforeSend::{Ask, LeaveToGate, Skip};
    let table: [(&str, Channel, Change, BeforeSend); 14] = [
        ("a first message", Channel::Email, |_| {}, Ask),
        ("a text message", Channel::Sms, |_| {}, Ask),
        ("a try after a deferral", Channel::Sms, |s| s.notification.spent = 3, Ask),
        (
            "put off before",
            Channel::Email,
            |s| s.notification.reason = Some(Reason::HealthUnknown),
            Ask,
        ),
        (
            "a resend of a doubt",
            Channel::Email,
            |s| s.notification.state = NotificationState::Doubtful,
            Ask,
        ),
        (
            "a look-up of a doubt",
            Channel::Sms,
            |s| s.notification.state = NotificationState::Doubtful,
            LeaveToGate,
        ),
        ("early", Channel::Email, |s| s.notification.due_at = at(DUE + 1), LeaveToGate),
        ("held", Channel::Email, |s| s.case.hold = Some(HoldReason::Operator), LeaveToGate),
        (
            "closed",
            Channel::Email,
            |s| {
                s.case.closed_at = Some(at(1));
                s.case.close_reason = Some(CloseReason::Repaired);
            },
            LeaveToGate,
        ),
        ("late", Channel::Email, |s| s.notification.planned_for = at(-10_000), LeaveToGate),
        ("nobody to tell", Channel::Email, |s| s.contact = None, LeaveToGate),
        (
            "in hand elsewhere",
            Channel::Email,
            |s| s.notification.lease_until = Some(at(DUE + 1)),
            LeaveToGate,
        ),
        ("only warned", Channel::Email, |s| s.case.kind = SignalKind::PasswordChangeWarning, Skip),
        ("warned, then broken", Channel::Email, |s| s.case.kind = SignalKind::LoginRequired, Ask),
    ];
    let rules = Rules {
        email_on_unknown: OnUnknown::ResendOnce,
        sms_on_unknown: OnUnknown::LookUp,
        ..rules()
    };
    for (what, channel, change, expected) in table {
        let mut asked = snapshot(channel);
        change(&mut asked);
        assert_eq!(before_send(&asked, &rules, at(DUE)), expected, "{what}");
    }
}

#[test]
fn a_crash_that_would_be_sent_again_is_asked_about() {
    let mut crashed = snapshot(Channel::Email);
    crashed.notification.state = NotificationState::Sending;
    crashed.notification.lease_until = Some(at(DUE - 1));
    assert_eq!(before_send(&crashed, &rules(), at(DUE)), BeforeSend::Ask);
    crashed.notification.channel = Channel::Sms;
    let looks = Rules { sms_on_unknown: OnUnknown::LookUp, ..rules() };
    assert_eq!(before_send(&crashed, &looks, at(DUE)), BeforeSend::LeaveToGate);
}

#[test]
fn each_answer_shows_of_cobalt_what_it_can() {
    let fault = |answered: Answered| match answered.evidence() {
        Evidence::Fault { trouble, wish: None } => Some(trouble.fault),
        Evidence::Fault { wish: Some(_), .. } => panic!("{answered:?}"),
        Evidence::Works | Evidence::Nothing => None,
    };
    for (answered, expected) in [
        (Answered::NoAnswer, Some(Fault::Provider)),
        (Answered::Refused { status: 429 }, Some(Fault::Provider)),
        (Answered::Refused { status: 500 }, Some(Fault::Provider)),
        (Answered::Refused { status: 503 }, Some(Fault::Provider)),
        (Answered::Refused { status: 401 }, Some(Fault::Configuration)),
        (Answered::Refused { status: 403 }, Some(Fault::Configuration)),
        (Answered::Refused { status: 404 }, None),
        (Answered::Understood, None),
        (Answered::Unreadable, None),
        (Answered::NotAsked, None),
    ] {
        assert_eq!(fault(answered), expected, "{answered:?}");
    }
    // One account that Cobalt keeps nothing about says that Cobalt answers.
    assert_eq!(Answered::Refused { status: 404 }.evidence(), Evidence::Works);
    assert_eq!(Answered::Unreadable.evidence(), Evidence::Nothing);
}

#[test]
fn one_refused_account_among_others_is_no_refused_set_up() {
    let refused = Answered::Refused { status: 401 }.evidence();
    let mut refusals = Refusals::default();
    for _ in 0..10 {
        assert_eq!(refusals.weigh(refused), Evidence::Nothing);
        assert_eq!(refusals.weigh(refused), Evidence::Nothing);
        assert_eq!(refusals.weigh(Evidence::Works), Evidence::Works);
    }
    let weighed: Vec<Evidence> = (0..FAULTS_TO_OPEN).map(|_| refusals.weigh(refused)).collect();
    assert_eq!(weighed, [Evidence::Nothing, Evidence::Nothing, refused]);
    let busy = Answered::Refused { status: 429 }.evidence();
    assert_eq!(refusals.weigh(busy), busy);
}
