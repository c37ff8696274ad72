//! Somebody whose link has ended asks for a new one.

use crate::on_both;
use crate::world::{DAY, MINUTE, World, account_ref, finished, request, upsert, user};
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::case::CloseReason;
use relink_core::id::{CaseId, NotificationId};
use relink_core::notification::NotificationState;
use relink_core::signal::{SignalKind, SignalSource};
use relink_core::visit::{VisitStep, Visitor, Way};
use relink_store::{Begin, OpenCase, Renewal, Renewed};
use std::time::Duration;

/// A case whose first message went out, and which has expired since.
async fn expired(world: &World, account: &str) -> Renewal {
    let (case, id) = world.due_email(account).await;
    let open = world.send(id).await;
    world.finish(&open, Outcome::Accepted).await;
    world.advance(30 * DAY);
    assert_eq!(world.store.expire_cases(10).await.unwrap(), 1);
    world.advance(MINUTE);
    renewal(account, case, id)
}

fn renewal(account: &str, case_id: CaseId, notification_id: NotificationId) -> Renewal {
    Renewal {
        notification_id,
        case_id,
        account_ref: account_ref(account),
        contact_id: user().id,
        channel: Channel::Email,
        kind: SignalKind::LoginRequired,
        visitor: Visitor::Person,
    }
}

async fn planned(world: &World, renewal: &Renewal) -> NotificationId {
    match world.store.renew_link(renewal).await.unwrap() {
        Renewed::Planned(id) => id,
        other => panic!("nothing planned: {other:?}"),
    }
}

/// The account's open case.
async fn open_case(world: &World, account: &str) -> CaseId {
    let filter = relink_store::CaseFilter {
        open: Some(true),
        account_ref: Some(account_ref(account)),
        limit: 10,
        ..relink_store::CaseFilter::default()
    };
    let cases = world.store.cases(&filter).await.unwrap();
    assert_eq!(cases.len(), 1, "{cases:?}");
    cases[0].id
}

async fn without_an_open_case_one_is_opened_at_once(world: World) {
    let renewal = expired(&world, "acc").await;
    let id = planned(&world, &renewal).await;
    let case = open_case(&world, "acc").await;
    let history = world.history(case).await;
    assert_eq!(history.case.opened_at, world.now());
    assert_eq!(history.signals.len(), 1);
    assert_eq!(history.signals[0].signal.source, SignalSource::Person);
    assert_eq!(history.signals[0].signal.kind, SignalKind::LoginRequired);

    // One message for one press: the step of that moment gives way, later ones stay.
    let states: Vec<(String, NotificationState)> =
        history.notifications.iter().map(|n| (n.step.to_string(), n.state)).collect();
    let state = |step: &str| states.iter().find(|(name, _)| name == step).map(|(_, state)| *state);
    assert_eq!(state("renewed-1"), Some(NotificationState::Planned));
    assert_eq!(state("first"), Some(NotificationState::Skipped));
    assert_eq!(state("nudge"), Some(NotificationState::Planned));
    assert_eq!(history.non_sends.iter().filter(|r| r.reason == Reason::Superseded).count(), 1);
    let due: Vec<NotificationId> =
        world.claim().await.into_iter().map(|due| due.notification_id).collect();
    assert_eq!(due, [id]);

    // It is asked for on the timeline of the link that ended.
    let asked = world.history(renewal.case_id).await.visits;
    let [asked] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(
        (asked.step, asked.way, asked.visitor),
        (VisitStep::Renewed, Way::Link, Visitor::Person)
    );
    assert_eq!(asked.notification_id, Some(renewal.notification_id));

    let begun = world.store.begin(&[request("w1", id)]).await.unwrap().remove(0);
    let Begin::Send(open) = begun else { panic!("not to be sent: {begun:?}") };
    world.store.finish(&[finished(&open, Outcome::Accepted)]).await.unwrap();
    // The account registered again brings nothing back that gave way.
    world.put(upsert("acc", vec![user()])).await;
    assert!(world.claim().await.is_empty());
}

async fn an_open_case_takes_it_in(world: World) {
    let renewal = expired(&world, "acc").await;
    let again = world.apply(world.signal("again", "acc", SignalKind::LoginRequired)).await;
    let case = again.case_id.unwrap();
    let before = world.history(case).await;
    let id = planned(&world, &renewal).await;
    let after = world.history(case).await;
    assert_eq!(after.signals, before.signals);
    assert_eq!(after.notifications.len(), before.notifications.len() + 1);
    let new = after.notifications.iter().find(|n| n.id == id).unwrap();
    assert_eq!(
        (new.step.as_str(), new.channel, new.due_at),
        ("renewed-1", Channel::Email, world.now())
    );
}

async fn new_links_are_few_and_far_between(world: World) {
    let renewal = expired(&world, "acc").await;
    let ten = 10 * MINUTE;
    for n in 1..=3 {
        let id = planned(&world, &renewal).await;
        let case = open_case(&world, "acc").await;
        assert_eq!(world.notification(case, id).await.step.as_str(), format!("renewed-{n}"));
        let before = world.history(case).await;
        for wait in [Duration::ZERO, ten - Duration::from_millis(1)] {
            world.advance(wait);
            assert_eq!(world.store.renew_link(&renewal).await.unwrap(), Renewed::Before);
        }
        assert_eq!(world.history(case).await.notifications, before.notifications);
        world.advance(Duration::from_millis(1));
    }
    assert_eq!(world.store.renew_link(&renewal).await.unwrap(), Renewed::Before);
    assert_eq!(world.history(renewal.case_id).await.visits.len(), 3);
}

async fn an_operator_who_closes_it_is_not_overruled_within_the_hour(world: World) {
    let renewal = expired(&world, "acc").await;
    planned(&world, &renewal).await;
    let case = open_case(&world, "acc").await;
    world.advance(MINUTE);
    world.store.close_case(&OpenCase::Id(case), CloseReason::Operator).await.unwrap();
    world.advance(MINUTE);
    assert_eq!(world.store.renew_link(&renewal).await.unwrap(), Renewed::Before);
    world.advance(60 * MINUTE);
    planned(&world, &renewal).await;
    assert_ne!(open_case(&world, "acc").await, case);
}

async fn who_is_not_on_file_gets_nothing(world: World) {
    let renewal = expired(&world, "acc").await;
    let other = relink_core::account::Contact {
        id: relink_core::id::ContactId::parse("somebody else").unwrap(),
        ..user()
    };
    world.put(upsert("acc", vec![other])).await;
    assert_eq!(world.store.renew_link(&renewal).await.unwrap(), Renewed::Nowhere);
    world.store.delete_account(&account_ref("acc")).await.unwrap();
    assert_eq!(world.store.renew_link(&renewal).await.unwrap(), Renewed::Nowhere);
    assert!(world.history(renewal.case_id).await.visits.is_empty());
}

async fn many_presses_at_once_are_one(world: World) {
    let renewal = expired(&world, "acc").await;
    let press = || world.store.renew_link(&renewal);
    let (a, b, c, d) = tokio::join!(press(), press(), press(), press());
    let planned = [a, b, c, d]
        .into_iter()
        .filter(|answer| matches!(answer.as_ref().unwrap(), Renewed::Planned(_)))
        .count();
    assert_eq!(planned, 1);
    assert_eq!(world.claim().await.len(), 1);
}

on_both!(
    without_an_open_case_one_is_opened_at_once,
    an_open_case_takes_it_in,
    new_links_are_few_and_far_between,
    an_operator_who_closes_it_is_not_overruled_within_the_hour,
    who_is_not_on_file_gets_nothing,
    many_presses_at_once_are_one,
);
