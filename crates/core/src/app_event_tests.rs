use super::*;
use crate::id::{EventId, NotificationId, StepId};
use crate::notification::NewNotification;

fn case(close: Option<CloseReason>) -> Case {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    Case {
        id: CaseId::opened_by(&EventId::parse("evt-1").unwrap()),
        account_ref: AccountRef::parse("clinic_1").unwrap(),
        kind: SignalKind::LoginRequired,
        opened_at: at("2026-11-20T08:00:00.123Z"),
        expires_at: at("2026-12-20T08:00:00Z"),
        hold: None,
        closed_at: close.map(|_| at("2026-11-20T09:30:00Z")),
        close_reason: close,
        signals: 1,
        emr_instance_domain: Some("ehr.canary.example".to_owned()),
        error_type: Some("canary".to_owned()),
    }
}

fn owner() -> Owner {
    Owner { user_id: "user-7".to_owned(), org_id: "org-3".to_owned() }
}

fn sent(step: &str) -> Notification {
    let case = case(None);
    let (step, contact_id) = (StepId::parse(step).unwrap(), ContactId::parse("u1").unwrap());
    let NewNotification { id, case_id, account_ref, channel, planned_for, .. } = NewNotification {
        id: NotificationId::derive(case.id, &step, &contact_id, Channel::Email),
        case_id: case.id,
        account_ref: case.account_ref,
        step: step.clone(),
        channel: Channel::Email,
        contact_id: contact_id.clone(),
        planned_for: case.opened_at,
    };
    Notification {
        id,
        case_id,
        account_ref,
        step,
        channel,
        contact_id,
        state: NotificationState::Sent,
        reason: None,
        planned_for,
        due_at: planned_for,
        fence: 1,
        lease_until: None,
        attempts: 1,
        spent: 0,
        doubts: 0,
        looks: 0,
    }
}

/// One body a line, as version 1 is written: what an app reads today it reads tomorrow.
#[test]
fn version_1_is_written_as_it_was() {
    let now = "2026-11-20T09:30:00.456789Z".parse().unwrap();
    let (sent, owner) = (sent("first#replay1"), owner());
    let facts = [
        (None, Fact::Opened),
        (None, Fact::Notified(&sent)),
        (Some(CloseReason::Repaired), Fact::Ended(CloseReason::Repaired)),
        (Some(CloseReason::Expired), Fact::Ended(CloseReason::Expired)),
        (None, Fact::Unreachable),
        (Some(CloseReason::Operator), Fact::Ended(CloseReason::Operator)),
        (Some(CloseReason::AccountDeleted), Fact::Ended(CloseReason::AccountDeleted)),
    ];
    let mut lines = Vec::new();
    for (close, fact) in facts {
        let event = event(&case(close), Some(&owner), fact, now);
        assert!(!event.body.contains("canary"), "{}", event.body);
        lines.push(format!("{} {}", event.id, event.body));
    }
    lines.push(event(&case(None), None, Fact::Opened, now).body);
    assert_eq!(lines.join("\n"), include_str!("../golden/app_event_v1.txt").trim_end());
}

#[test]
fn one_fact_is_one_event_and_another_fact_is_another() {
    let (now, later) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
    let id = |fact: Fact<'_>, at| event(&case(None), None, fact, at).id;
    assert_eq!(id(Fact::Opened, now), id(Fact::Opened, later));
    let (first, nudge) = (sent("first"), sent("nudge"));
    let all = [
        id(Fact::Opened, now),
        id(Fact::Unreachable, now),
        id(Fact::Notified(&first), now),
        id(Fact::Notified(&nudge), now),
        id(Fact::Ended(CloseReason::Repaired), now),
        id(Fact::Ended(CloseReason::Expired), now),
        id(Fact::Ended(CloseReason::Operator), now),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
}

#[test]
fn a_case_is_unreachable_when_nothing_was_accepted_and_nothing_is_left() {
    use NotificationState as S;
    let table: &[(bool, &[S], Reach)] = &[
        (true, &[], Reach::None),
        (false, &[], Reach::Possible),
        (true, &[S::Planned], Reach::Possible),
        (true, &[S::Failed, S::Sending], Reach::Possible),
        (true, &[S::Dead, S::Doubtful], Reach::Possible),
        (true, &[S::Failed, S::Skipped, S::Dead, S::Cancelled], Reach::None),
        (true, &[S::Failed, S::Sent], Reach::Reached),
        (true, &[S::Planned, S::Sent], Reach::Reached),
        (false, &[S::Failed], Reach::Possible),
    ];
    for (known, states, wanted) in table {
        assert_eq!(reach(*known, states.iter().copied()), *wanted, "{known} {states:?}");
    }
}

#[test]
fn ten_tries_over_about_three_days_and_a_wish_within_bounds() {
    let waits: Vec<u64> = (1..=10)
        .map_while(|tries| wait_after(tries, None, 0.0))
        .map(|wait| wait.as_secs())
        .collect();
    assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    assert_eq!(wait_after(10, Some(Duration::from_secs(1)), 0.0), None);
    assert_eq!(wait_after(1, None, 1.0), Some(Duration::from_millis(5_500)));
    let wish = |secs| wait_after(1, Some(Duration::from_secs(secs)), 0.0).unwrap().as_secs();
    assert_eq!((wish(1), wish(60), wish(u64::MAX)), (5, 60, 86_400));
}

#[test]
fn an_answer_is_read_by_its_status() {
    let wish = Some(Duration::from_secs(7));
    for (status, wanted) in [
        (200, Told::Taken),
        (204, Told::Taken),
        (410, Told::Gone),
        (302, Told::NotTaken { wish }),
        (404, Told::NotTaken { wish }),
        (429, Told::NotTaken { wish }),
        (503, Told::NotTaken { wish }),
    ] {
        assert_eq!(Told::by_status(status, wish), wanted, "{status}");
    }
}
