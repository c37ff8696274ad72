#![allow(clippy::wildcard_enum_match_arm, reason = "an unexpected variant fails the test")]

use super::*;
use crate::account::Role;
use crate::id::{AccountRef, EventId};
use crate::policy::{OnUnknown, Policy};
use crate::signal::SignalSource;
use crate::time::from_millis;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn at(minutes: i64) -> Timestamp {
    from_millis(1_700_000_000_000 + minutes * 60_000)
}

fn step(id: &str, at: Duration, to: Role, channels: &[Channel]) -> Step {
    Step { id: StepId::parse(id).unwrap(), at, to, channels: channels.to_vec() }
}

pub(crate) fn rules() -> Rules {
    Rules {
        policy: Policy {
            settle: 10 * MINUTE,
            expire: 30 * 24 * HOUR,
            late_by_max: 24 * HOUR,
            steps: vec![
                step("first", Duration::ZERO, Role::User, &[Channel::Email, Channel::Sms]),
                step("nudge", 24 * HOUR, Role::User, &[Channel::Sms, Channel::Email]),
                step("admin", 72 * HOUR, Role::Admin, &[Channel::Email]),
            ],
        },
        channels: EnabledChannels { email: true, sms: true, in_app: true },
        email_on_unknown: OnUnknown::ResendOnce,
        sms_on_unknown: OnUnknown::LookUp,
        app: Vec::new(),
    }
}

pub(crate) fn contact(id: &str, role: Role, email: bool, phone: bool) -> Contact {
    Contact {
        id: ContactId::parse(id).unwrap(),
        role,
        email: email.then(|| "jane@example.org".parse().unwrap()),
        phone: phone.then(|| "+15005550006".parse().unwrap()),
        locale: None,
        time_zone: None,
        sms_consent: phone,
        name: None,
    }
}

fn account(contacts: Vec<Contact>) -> Account {
    Account {
        account_ref: AccountRef::parse("clinic_1").unwrap(),
        user_id: "u".into(),
        org_id: "o".into(),
        emr_instance_domain: None,
        contacts,
    }
}

fn signal(event: &str, kind: SignalKind, occurred: i64) -> Signal {
    Signal {
        event_id: EventId::parse(event).unwrap(),
        account_ref: AccountRef::parse("clinic_1").unwrap(),
        kind,
        source: SignalSource::CobaltWebhook,
        occurred_at: at(occurred),
        received_at: at(occurred),
        emr_instance_domain: None,
        error_type: None,
        digest: String::new(),
        trace: None,
    }
}

fn registered() -> AccountSnapshot {
    AccountSnapshot {
        account: Some(account(vec![contact("u", Role::User, true, true)])),
        ..AccountSnapshot::default()
    }
}

fn opened(snapshot: &AccountSnapshot, kind: SignalKind) -> (Case, Plan) {
    match decide(&signal("evt-1", kind, 0), snapshot, &rules(), at(0)) {
        SignalDecision::Open { case, plan } => (*case, plan),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_first_signal_opens_a_case_and_plans_each_step_over_its_first_usable_channel() {
    let (case, plan) = opened(&registered(), SignalKind::LoginRequired);
    let planned: Vec<_> =
        plan.notifications.iter().map(|n| (n.step.as_str(), n.channel, n.planned_for)).collect();
    assert_eq!(
        planned,
        [("first", Channel::Email, at(10)), ("nudge", Channel::Sms, at(10 + 24 * 60))]
    );
    // Nobody has the role of the third step: that is a row, not a silence.
    assert_eq!(
        plan.non_sends.iter().map(|n| (n.decision, n.reason)).collect::<Vec<_>>(),
        [(NonSend::Skipped, Reason::NoContact)]
    );
    assert_eq!((case.signals, case.hold, case.expires_at), (1, None, at(30 * 24 * 60)));
}

#[test]
fn a_repeat_joins_and_plans_nothing() {
    let (case, _) = opened(&registered(), SignalKind::LoginRequired);
    let snapshot = AccountSnapshot { open_case: Some(case.clone()), ..registered() };
    let decision =
        decide(&signal("evt-2", SignalKind::LoginRequired, 5), &snapshot, &rules(), at(5));
    assert_eq!(
        decision,
        SignalDecision::Join {
            case_id: case.id,
            kind: SignalKind::LoginRequired,
            plan: Plan::default()
        }
    );
}

#[test]
fn a_warning_is_one_email_and_turns_into_the_whole_policy_when_the_login_breaks() {
    let (case, plan) = opened(&registered(), SignalKind::PasswordChangeWarning);
    let planned: Vec<_> = plan.notifications.iter().map(|n| (n.step.as_str(), n.channel)).collect();
    assert_eq!(planned, [(WARNING_STEP, Channel::Email)]);

    let snapshot = AccountSnapshot { open_case: Some(case), ..registered() };
    let broke = signal("evt-2", SignalKind::LoginRequired, 600);
    let SignalDecision::Join { kind, plan, .. } = decide(&broke, &snapshot, &rules(), at(600))
    else {
        panic!("did not join");
    };
    assert_eq!(kind, SignalKind::LoginRequired);
    assert_eq!(plan.notifications.first().map(|n| n.planned_for), Some(at(610)));
    assert_eq!(plan.notifications.len(), 2);
}

#[test]
fn a_later_warning_does_not_soften_a_broken_login() {
    let (case, _) = opened(&registered(), SignalKind::LoginRequired);
    let snapshot = AccountSnapshot { open_case: Some(case), ..registered() };
    let warning = signal("evt-2", SignalKind::PasswordChangeWarning, 5);
    let SignalDecision::Join { kind, .. } = decide(&warning, &snapshot, &rules(), at(5)) else {
        panic!("did not join");
    };
    assert_eq!(kind, SignalKind::LoginRequired);
}

#[test]
fn an_unknown_account_opens_a_held_case_with_a_reason() {
    let (case, plan) = opened(&AccountSnapshot::default(), SignalKind::LoginRequired);
    assert_eq!(case.hold, Some(HoldReason::NoAccount));
    assert!(plan.notifications.is_empty());
    assert_eq!(plan.non_sends.first().map(|n| n.reason), Some(Reason::NoAccount));

    // When the account arrives two days later, nobody is told "late" and nothing is due at once
    // in a heap: the steps start from now.
    let late = plan_steps(
        &Case { hold: None, ..case },
        &account(vec![contact("u", Role::User, true, true)]),
        &[],
        &rules(),
        at(2 * 24 * 60),
    );
    let moments: Vec<_> = late.notifications.iter().map(|n| n.planned_for).collect();
    assert_eq!(moments, [at(2 * 24 * 60), at(3 * 24 * 60)]);
}

#[test]
fn news_from_before_the_last_repair_bothers_nobody() {
    let snapshot = AccountSnapshot { last_closed_at: Some(at(100)), ..registered() };
    let judge = |occurred| {
        let signal = signal("evt-2", SignalKind::LoginRequired, occurred);
        decide(&signal, &snapshot, &rules(), at(200)).result()
    };
    assert_eq!(judge(99), SignalResult::Stale);
    assert_eq!(judge(100), SignalResult::Stale);
    assert_eq!(judge(101), SignalResult::Opened);
}

#[test]
fn a_repair_closes_what_is_open_and_otherwise_changes_nothing() {
    let repaired = signal("evt-2", SignalKind::Repaired, 5);
    let (case, _) = opened(&registered(), SignalKind::LoginRequired);
    let open = AccountSnapshot { open_case: Some(case), ..registered() };
    assert_eq!(decide(&repaired, &open, &rules(), at(5)).result(), SignalResult::Closed);
    assert_eq!(decide(&repaired, &registered(), &rules(), at(5)).result(), SignalResult::Noted);
}

#[test]
fn planning_again_leaves_out_what_is_planned_even_over_another_channel() {
    let (case, plan) = opened(&registered(), SignalKind::LoginRequired);
    let planned: Vec<_> =
        plan.notifications.iter().map(|n| (n.step.clone(), n.contact_id.clone())).collect();
    // The contact lost their email address and an admin was added.
    let changed = account(vec![
        contact("u", Role::User, false, true),
        contact("boss", Role::Admin, true, false),
    ]);
    let again = plan_steps(&case, &changed, &planned, &rules(), at(20));
    let added: Vec<_> = again
        .notifications
        .iter()
        .map(|n| (n.step.as_str(), n.contact_id.as_str(), n.planned_for))
        .collect();
    assert_eq!(added, [("admin", "boss", at(20 + 72 * 60))]);
}

#[test]
fn nobody_reachable_and_steps_after_the_end_are_rows_with_reasons() {
    let mute = account(vec![contact("u", Role::User, false, false)]);
    let mut rules = rules();
    rules.policy.expire = HOUR;
    let (case, _) = opened(&registered(), SignalKind::LoginRequired);
    let case = Case { expires_at: at(60), ..case };
    let reasons: Vec<_> = plan_steps(&case, &mute, &[], &rules, at(0))
        .non_sends
        .into_iter()
        .map(|n| n.reason)
        .collect();
    assert_eq!(reasons, [Reason::NoUsableChannel, Reason::CaseExpired, Reason::NoContact]);
}

#[test]
fn the_next_channel_is_the_next_usable_one_in_the_steps_order() {
    let first = StepId::parse("first").unwrap();
    let both = contact("u", Role::User, true, true);
    let mail_only = contact("u", Role::User, true, false);
    let next = |contact, channel| next_channel(&first, channel, contact, &rules());
    assert_eq!(next(&both, Channel::Email), Some(Channel::Sms));
    assert_eq!(next(&both, Channel::Sms), None);
    assert_eq!(next(&mail_only, Channel::Email), None);
    assert_eq!(next(&both, Channel::InApp), None);
}

proptest::proptest! {
    #[test]
    fn planning_is_idempotent_and_never_plans_a_step_twice(
        contacts in proptest::collection::vec((proptest::bool::ANY, proptest::bool::ANY, proptest::bool::ANY), 0..6),
        minutes in 0_i64..100_000,
    ) {
        let contacts: Vec<Contact> = contacts
            .into_iter()
            .enumerate()
            .map(|(i, (user, email, phone))| {
                let role = if user { Role::User } else { Role::Admin };
                contact(&format!("c{i}"), role, email, phone)
            })
            .collect();
        let snapshot = AccountSnapshot { account: Some(account(contacts.clone())), ..AccountSnapshot::default() };
        let (case, plan) = opened(&snapshot, SignalKind::LoginRequired);
        let planned: Vec<_> = plan.notifications.iter().map(|n| (n.step.clone(), n.contact_id.clone())).collect();
        let mut unique = planned.clone();
        unique.sort();
        unique.dedup();
        proptest::prop_assert_eq!(unique.len(), planned.len());
        let again = plan_steps(&case, &account(contacts), &planned, &rules(), at(minutes));
        proptest::prop_assert!(again.notifications.is_empty());
    }
}
