//! Which rows come to which events, as a table. What they mean over time is in the behaviour suite.

use super::*;
use crate::rows::{StoredCase, StoredNotification};
use relink_core::account::Channel;
use relink_core::app_event::AppEventKind;
use relink_core::case::CloseReason;
use relink_core::id::{ContactId, EventId, NotificationId, StepId};
use relink_core::notification::NewNotification;
use relink_core::signal::SignalKind;
use relink_core::time::from_millis;

fn case(close: Option<CloseReason>) -> Case {
    Case {
        id: CaseId::opened_by(&EventId::parse("e1").unwrap()),
        account_ref: AccountRef::parse("acc").unwrap(),
        kind: SignalKind::LoginRequired,
        opened_at: from_millis(0),
        expires_at: from_millis(9_000),
        hold: None,
        closed_at: close.map(|_| from_millis(5_000)),
        close_reason: close,
        signals: 1,
        emr_instance_domain: None,
        error_type: None,
    }
}

fn message(state: NotificationState) -> StoredNotification {
    let case = case(None);
    let (step, contact_id) = (StepId::parse("first").unwrap(), ContactId::parse("u1").unwrap());
    let mut stored = StoredNotification::planned(&NewNotification {
        id: NotificationId::derive(case.id, &step, &contact_id, Channel::Email),
        case_id: case.id,
        account_ref: case.account_ref,
        step,
        channel: Channel::Email,
        contact_id,
        planned_for: from_millis(0),
    });
    stored.notification.state = state;
    stored
}

/// The events of rows that leave the case like this, with an account or without.
fn told(
    writes: &Writes,
    after: Case,
    states: &[NotificationState],
    known: bool,
) -> Vec<AppEventKind> {
    let all =
        [Endpoint { id: EndpointId::parse("app").unwrap(), events: AppEventKind::ALL.to_vec() }];
    if concerned(writes, &all).is_none() {
        return Vec::new();
    }
    let owner = Owner { user_id: "u".to_owned(), org_id: "o".to_owned() };
    let around = Around {
        owners: known.then(|| (after.account_ref.clone(), owner)).into_iter().collect(),
        states: [(after.id, states.to_vec())].into(),
        cases: [(after.id, after)].into(),
    };
    let events = app_events(writes, &around, &all, from_millis(5_000));
    events.iter().map(|write| write.event.kind).collect()
}

#[test]
fn rows_come_to_the_events_of_their_facts() {
    use AppEventKind::{Closed, Expired, Notified, Opened, Repaired, Unreachable};
    use NotificationState as S;
    let opened = || Writes {
        new_cases: vec![StoredCase { case: case(None), trace: None }],
        ..Writes::default()
    };
    let changed = |close| Writes { cases: vec![case(close)], ..Writes::default() };
    let ends = |state| Writes {
        notifications: vec![(message(state), from_millis(5_000))],
        ..Writes::default()
    };
    let ended = |why| told(&changed(Some(why)), case(Some(why)), &[S::Cancelled], true);
    assert_eq!(told(&opened(), case(None), &[S::Planned], true), [Opened]);
    assert_eq!(told(&opened(), case(None), &[], true), [Opened, Unreachable]);
    assert_eq!(told(&opened(), case(None), &[], false), [Opened]);
    assert_eq!(ended(CloseReason::Repaired), [Repaired]);
    assert_eq!(ended(CloseReason::Expired), [Expired]);
    assert_eq!(ended(CloseReason::Operator), [Closed]);
    assert_eq!(ended(CloseReason::AccountDeleted), [Closed]);
    assert_eq!(told(&ends(S::Sent), case(None), &[S::Sent], true), [Notified]);
    assert_eq!(told(&ends(S::Failed), case(None), &[S::Failed, S::Planned], true), []);
    assert_eq!(told(&ends(S::Failed), case(None), &[S::Failed, S::Sent], true), []);
    assert_eq!(told(&ends(S::Failed), case(None), &[S::Failed], true), [Unreachable]);
    assert_eq!(told(&ends(S::Sending), case(None), &[S::Sending], true), []);
    // A message that was under way when its case ended: it did arrive, and the end is told already.
    let over = case(Some(CloseReason::Repaired));
    assert_eq!(told(&ends(S::Sent), over.clone(), &[S::Sent], true), [Notified]);
    assert_eq!(told(&ends(S::Failed), over, &[S::Failed], true), []);
    assert_eq!(told(&changed(None), case(None), &[S::Planned], true), []);
}

#[test]
fn nobody_who_listens_means_nothing_to_read() {
    let writes = Writes { cases: vec![case(None)], ..Writes::default() };
    assert_eq!(concerned(&writes, &[]), None);
    let deaf = [Endpoint { id: EndpointId::parse("app").unwrap(), events: Vec::new() }];
    let around = Around { cases: [(case(None).id, case(None))].into(), ..Around::default() };
    assert!(app_events(&writes, &around, &deaf, from_millis(0)).is_empty());
}
