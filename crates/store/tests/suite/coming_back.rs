//! Somebody comes back: what is known at the door, what is recorded of the way, and how a proof
//! closes the case.

use crate::on_both;
use crate::world::{CANARY, MINUTE, SETTLE, World, account_ref, key, rules, user};
use relink_core::attempt::Outcome;
use relink_core::case::CloseReason;
use relink_core::id::{CaseId, NotificationId};
use relink_core::link::LinkToken;
use relink_core::notification::NotificationState;
use relink_core::seal::KeyRing;
use relink_core::signal::SignalKind;
use relink_core::visit::{MAX_VISITS, RECHECK_WAITS, Visit, VisitStep, Visitor, Way};
use relink_store::{
    Begin, Door, MINTS_COUNTED_OVER, OpenCase, PROOF_HOLDS, Proof, Proven, StoreError, WayBack,
};
use std::time::Duration;

fn visit(step: VisitStep, world: &World) -> Visit {
    Visit { at: world.now(), step, way: Way::Link, visitor: Visitor::Person, notification_id: None }
}

fn proof(way_back: &WayBack) -> Proof {
    Proof {
        case_id: way_back.case.id,
        signals: way_back.case.signals,
        way: Way::Link,
        notification_id: way_back.notification.as_ref().map(|notification| notification.id),
        asked_at: way_back.now,
    }
}

async fn at(world: &World, door: &Door) -> WayBack {
    world.store.way_back(door).await.unwrap().unwrap()
}

/// Sends the first message of a case; answers the hash of the link in it.
async fn sent(world: &World, account: &str) -> (CaseId, NotificationId, String) {
    let (case, id) = world.due_email(account).await;
    let open = world.send(id).await;
    let hash = open.link.hash();
    world.finish(&open, Outcome::Accepted).await;
    (case, id, hash)
}

async fn every_door_leads_to_the_same_case(world: World) {
    let (case, id, hash) = sent(&world, "acc").await;
    let by_link = at(&world, &Door::Link(hash)).await;
    assert_eq!(by_link.case.id, case);
    assert_eq!(by_link.notification.as_ref().map(|message| message.id), Some(id));
    assert_eq!(by_link.contact, Some(user()));
    assert_eq!((by_link.open_case, by_link.minted_lately), (Some(case), 0));
    let account = by_link.account.clone().unwrap();
    assert_eq!((account.user_id.as_str(), account.org_id.as_str()), ("user of acc", "clinic"));
    assert_eq!(account.access_token.unwrap().expose(), CANARY);
    assert!(!format!("{by_link:?}").contains(CANARY));

    assert_eq!(at(&world, &Door::Notification(id)).await, by_link);
    let by_case = at(&world, &Door::Case(case)).await;
    assert_eq!(by_case, WayBack { notification: None, contact: None, ..by_link });

    let unknown = LinkToken::derive(&key("k1", 1), "0".repeat(32).parse().unwrap()).hash();
    for door in [
        Door::Link(unknown),
        Door::Link("\0".to_owned()),
        Door::Link(String::new()),
        Door::Notification("0".repeat(32).parse().unwrap()),
        Door::Case("0".repeat(32).parse().unwrap()),
    ] {
        assert_eq!(world.store.way_back(&door).await.unwrap(), None, "{door:?}");
    }
}

async fn a_door_outlives_its_case_its_account_and_its_key(world: World) {
    let (case, _, hash) = sent(&world, "acc").await;
    let door = Door::Link(hash);
    let other_keys = KeyRing::new(key("k2", 2), Vec::new());
    let without = world.another(rules(), other_keys).await.way_back(&door).await.unwrap().unwrap();
    let token = without.account.unwrap().access_token;
    assert!(matches!(token, Err(StoreError::Sealed(_))), "{token:?}");

    let by_id = OpenCase::Id(case);
    world.store.close_case(&by_id, CloseReason::Operator).await.unwrap();
    let closed = at(&world, &door).await;
    assert_eq!((closed.case.close_reason, closed.open_case), (Some(CloseReason::Operator), None));

    world.advance(MINUTE);
    let again = world.apply(world.signal("again", "acc", SignalKind::LoginRequired)).await;
    assert_eq!(at(&world, &door).await.open_case, again.case_id);
    assert_ne!(again.case_id, Some(case));

    world.store.delete_account(&account_ref("acc")).await.unwrap();
    let gone = at(&world, &door).await;
    assert_eq!((gone.account, gone.contact, gone.open_case), (None, None, None));
}

async fn every_step_is_on_the_timeline_in_order(world: World) {
    let (case, id, _) = sent(&world, "acc").await;
    let steps = [VisitStep::Opened, VisitStep::Minted, VisitStep::Launched, VisitStep::Left];
    let mut expected = Vec::new();
    for step in steps {
        world.advance(MINUTE);
        let new = Visit { notification_id: Some(id), ..visit(step, &world) };
        // The store's clock counts, not the caller's.
        let early = Visit { at: relink_core::time::from_millis(0), ..new.clone() };
        world.store.note_visits(case, &[early]).await.unwrap();
        expected.push(new);
    }
    assert_eq!(world.history(case).await.visits, expected);
    assert_eq!(at(&world, &Door::Case(case)).await.minted_lately, 1);
    let nobody = "0".repeat(32).parse().unwrap();
    world.store.note_visits(nobody, &expected).await.unwrap();
    assert!(world.store.case(nobody).await.unwrap().is_none());
}

async fn only_tokens_of_the_last_hour_count(world: World) {
    let (case, ..) = sent(&world, "acc").await;
    let minted = [visit(VisitStep::Minted, &world)];
    for expected in [1, 2, 2, 2] {
        world.store.note_visits(case, &minted).await.unwrap();
        let counted = at(&world, &Door::Case(case)).await.minted_lately;
        assert_eq!(counted, expected);
        world.advance(MINTS_COUNTED_OVER / 2);
    }
}

async fn nobody_can_fill_the_timeline(world: World) {
    let (case, ..) = sent(&world, "acc").await;
    let flood = vec![visit(VisitStep::Opened, &world); MAX_VISITS];
    for _ in 0..2 {
        world.store.note_visits(case, &flood).await.unwrap();
    }
    assert_eq!(world.history(case).await.visits.len(), MAX_VISITS);
    // What a limit is counted from is not cut off by another.
    world.store.note_visits(case, &[visit(VisitStep::Minted, &world)]).await.unwrap();
    assert_eq!(at(&world, &Door::Case(case)).await.minted_lately, 1);
}

async fn a_proof_closes_the_case_and_silences_what_is_planned(world: World) {
    let (case, id, hash) = sent(&world, "acc").await;
    let way_back = at(&world, &Door::Link(hash)).await;
    let Proven::Closed(closed) = world.store.close_proven(&proof(&way_back)).await.unwrap() else {
        panic!("not closed");
    };
    assert_eq!(closed.close_reason, Some(CloseReason::Repaired));
    let history = world.history(case).await;
    assert_eq!(history.case, *closed);
    let [proven] = history.visits.as_slice() else { panic!("{:?}", history.visits) };
    assert_eq!((proven.step, proven.way), (VisitStep::Proven, Way::Link));
    assert_eq!((proven.visitor, proven.notification_id), (Visitor::Relink, Some(id)));
    let states: Vec<_> = history.notifications.iter().map(|n| n.state).collect();
    assert!(states.contains(&NotificationState::Cancelled), "{states:?}");
    world.advance(SETTLE * 1000);
    assert!(world.claim().await.is_empty());

    let again = world.store.close_proven(&proof(&way_back)).await.unwrap();
    assert_eq!(again, Proven::NotOpen);
    assert_eq!(world.history(case).await, history);
    let nobody = Proof { case_id: "0".repeat(32).parse().unwrap(), ..proof(&way_back) };
    assert_eq!(world.store.close_proven(&nobody).await.unwrap(), Proven::NotOpen);
    // News of before the proof opens nothing.
    let late = world.signal("late", "acc", SignalKind::LoginRequired);
    let late = relink_core::signal::Signal { occurred_at: closed.opened_at, ..late };
    assert_eq!(world.apply(late).await.case_id, None);
}

async fn a_break_heard_while_cobalt_was_asked_is_not_swallowed(world: World) {
    let (case, id) = world.due_email("acc").await;
    let asked = at(&world, &Door::Notification(id)).await;
    world.apply(world.signal("broken again", "acc", SignalKind::LoginRequired)).await;
    assert_eq!(world.store.close_proven(&proof(&asked)).await.unwrap(), Proven::Overtaken);
    let history = world.history(case).await;
    assert!(history.case.is_open() && history.visits.is_empty());
    assert!(matches!(world.begin(id).await, Begin::Send(_)));
}

/// What was answered before the store was away says nothing of what happened meanwhile.
async fn an_old_answer_closes_nothing(world: World) {
    let (case, id) = world.due_email("acc").await;
    let asked = at(&world, &Door::Notification(id)).await;
    let broken_again = world.signal("broken again", "acc", SignalKind::LoginRequired);
    world.advance(PROOF_HOLDS + Duration::from_millis(1));
    assert_eq!(world.store.close_proven(&proof(&asked)).await.unwrap(), Proven::TooOld);
    assert!(world.history(case).await.case.is_open());
    assert_eq!(world.apply(broken_again).await.case_id, Some(case), "it is not lost");

    let asked = at(&world, &Door::Notification(id)).await;
    world.advance(PROOF_HOLDS);
    let proven = world.store.close_proven(&proof(&asked)).await.unwrap();
    assert!(matches!(proven, Proven::Closed(_)), "{proven:?}");
}

async fn after_done_cobalt_is_asked_again_and_then_no_more(world: World) {
    let (case, ..) = sent(&world, "acc").await;
    let claim = || async { world.store.claim_rechecks(10).await.unwrap() };
    assert!(claim().await.is_empty());
    world.store.note_visits(case, &[visit(VisitStep::Opened, &world)]).await.unwrap();
    world.advance(MINUTE);
    assert!(claim().await.is_empty());
    for _ in 0..2 {
        world.store.note_visits(case, &[visit(VisitStep::Done, &world)]).await.unwrap();
        for wait in RECHECK_WAITS {
            world.advance(wait - Duration::from_millis(1));
            assert!(claim().await.is_empty(), "before {wait:?}");
            world.advance(Duration::from_millis(1));
            assert_eq!(claim().await, [case], "after {wait:?}");
            assert!(claim().await.is_empty(), "twice after {wait:?}");
        }
        world.advance(SETTLE * 1000);
        assert!(claim().await.is_empty());
    }
}

async fn rechecks_are_shared_out(world: World) {
    let mut cases = Vec::new();
    for n in 0..5 {
        let (case, ..) = sent(&world, &format!("acc {n}")).await;
        world.store.note_visits(case, &[visit(VisitStep::Done, &world)]).await.unwrap();
        cases.push(case);
    }
    // What has ended is not asked for once more.
    world.store.close_case(&OpenCase::Id(cases[0]), CloseReason::Operator).await.unwrap();
    world.store.note_visits(cases[0], &[visit(VisitStep::Done, &world)]).await.unwrap();
    world.advance(RECHECK_WAITS[0]);
    let (a, b, c) = tokio::join!(
        world.store.claim_rechecks(2),
        world.store.claim_rechecks(2),
        world.store.claim_rechecks(2),
    );
    let mut claimed = [a.unwrap(), b.unwrap(), c.unwrap()].concat();
    claimed.sort();
    cases.sort();
    assert_eq!(claimed, cases);
}

on_both!(
    every_door_leads_to_the_same_case,
    a_door_outlives_its_case_its_account_and_its_key,
    every_step_is_on_the_timeline_in_order,
    only_tokens_of_the_last_hour_count,
    nobody_can_fill_the_timeline,
    a_proof_closes_the_case_and_silences_what_is_planned,
    a_break_heard_while_cobalt_was_asked_is_not_swallowed,
    an_old_answer_closes_nothing,
    after_done_cobalt_is_asked_again_and_then_no_more,
    rechecks_are_shared_out,
);
