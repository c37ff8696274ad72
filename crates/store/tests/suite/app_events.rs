//! What the customer's app is told: every path that changes a case tells of it, once, in the
//! transaction of the change; and what is told is taken, recorded, replayed and forgotten.

use crate::on_both;
use crate::world::{
    DAY, MINUTE, SETTLE, World, account_ref, admin, id_of, operator, rules, unknown, upsert, user,
};
use relink_core::account::{Channel, Contact};
use relink_core::app_event::{AppEventKind, DeliveryState, Endpoint, KEPT_FOR};
use relink_core::attempt::{Outcome, Reason};
use relink_core::case::CloseReason;
use relink_core::id::{AppEventId, CaseId, ContactId, EndpointId};
use relink_core::policy::Rules;
use relink_core::signal::SignalKind;
use relink_core::visit::Way;
use relink_store::{
    AppDeliveryFilter, AppDeliveryRow, AuditRequest, DueEvent, LATE_AFTER, OpenCase, Operated,
    OperatorAct, Proof, Proven, TELL_LEASE, TryEnd,
};
use std::collections::BTreeSet;
use std::time::Duration;

fn endpoint(id: &str) -> EndpointId {
    EndpointId::parse(id).unwrap()
}

/// An endpoint that hears everything, and one that only hears of repairs.
fn listened() -> Rules {
    let all = Endpoint { id: endpoint("app"), events: AppEventKind::ALL.to_vec() };
    let some = Endpoint { id: endpoint("some"), events: vec![AppEventKind::Repaired] };
    Rules { app: vec![all, some], ..rules() }
}

async fn deliveries(world: &World) -> Vec<AppDeliveryRow> {
    let filter = AppDeliveryFilter { failed: false, limit: 1000 };
    world.store.app_deliveries(filter).await.unwrap()
}

/// What "app" is told of a case, in the order of the words, without `relink.case.`.
async fn told_of(world: &World, case: CaseId) -> Vec<String> {
    let rows = deliveries(world).await;
    let of_case = rows.iter().filter(|row| row.case_id == case && row.endpoint == endpoint("app"));
    let mut kinds: Vec<AppEventKind> = of_case.map(|row| row.kind).collect();
    kinds.sort();
    kinds.iter().map(|kind| kind.as_str().rsplit('.').next().unwrap().to_owned()).collect()
}

async fn take(world: &World, most: usize) -> Vec<DueEvent> {
    world.store.claim_events(&endpoint("app"), most).await.unwrap()
}

/// The one event of this kind that is due.
async fn body_of(world: &World, kind: AppEventKind) -> String {
    let mut due = take(world, 100).await;
    due.retain(|event| event.kind == kind);
    assert_eq!(due.len(), 1, "{due:?}");
    due.remove(0).body
}

fn no_phone(id: &str) -> Contact {
    Contact { id: ContactId::parse(id).unwrap(), phone: None, sms_consent: false, ..user() }
}

async fn nothing_is_written_when_nobody_listens(world: World) {
    world.open_case("acc").await;
    assert_eq!(deliveries(&world).await, []);
}

async fn a_message_and_a_repair_are_told_once_each(world: World) {
    let world = world.with_rules(listened()).await;
    let (case, id) = world.due_email("acc").await;
    assert_eq!(told_of(&world, case).await, ["opened"]);
    world.apply(world.signal("joins", "acc", SignalKind::LoginRequired)).await;
    let open = world.send(id).await;
    assert_eq!(told_of(&world, case).await, ["opened"], "an intent is no news");
    world.finish(&open, Outcome::Accepted).await;
    world.finish(&open, Outcome::Accepted).await;
    assert_eq!(told_of(&world, case).await, ["opened", "notified"]);
    world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
    world.apply(world.signal("mended again", "acc", SignalKind::Repaired)).await;
    assert_eq!(told_of(&world, case).await, ["opened", "notified", "repaired"]);

    let rows = deliveries(&world).await;
    let to_some: Vec<_> = rows.iter().filter(|row| row.endpoint == endpoint("some")).collect();
    assert_eq!(to_some.len(), 1);
    assert_eq!((to_some[0].kind, to_some[0].case_id), (AppEventKind::Repaired, case));
    let bodies: String = take(&world, 100).await.into_iter().map(|event| event.body).collect();
    assert!(bodies.contains(r#""user_id":"user of acc","org_id":"clinic""#), "{bodies}");
    assert!(bodies.contains(r#""channel":"email","step":"first","contact_id":"u1""#), "{bodies}");
    for never in ["jane.doe", "Jane", "ehr.example", "5550006", "canary"] {
        assert!(!bodies.contains(never), "{never} in {bodies}");
    }
}

async fn every_way_a_case_can_end_is_told(world: World) {
    let world = world.with_rules(listened()).await;
    let expired = world.open_case("expired").await;
    world.advance(30 * DAY);
    assert_eq!(world.store.expire_cases(10).await.unwrap(), 1);
    assert_eq!(told_of(&world, expired).await, ["opened", "expired"]);

    let closed = world.open_case("closed").await;
    world.operate(OperatorAct::CloseCase(closed)).await;
    assert_eq!(told_of(&world, closed).await, ["opened", "closed"]);
    assert!(body_of(&world, AppEventKind::Closed).await.contains(r#""reason":"operator""#));

    let linked = world.open_case("linked").await;
    let which = OpenCase::Account(account_ref("linked"));
    world.store.close_case(&which, CloseReason::Repaired).await.unwrap();
    assert_eq!(told_of(&world, linked).await, ["opened", "repaired"]);

    let proven = world.open_case("proven").await;
    let proof = Proof {
        case_id: proven,
        signals: 1,
        way: Way::Link,
        notification_id: None,
        asked_at: world.now(),
    };
    assert!(matches!(world.store.close_proven(&proof).await.unwrap(), Proven::Closed(_)));
    assert_eq!(told_of(&world, proven).await, ["opened", "repaired"]);

    world.advance(TELL_LEASE);
    for event in take(&world, 100).await {
        assert!(world.store.told(&event, TryEnd::Delivered, Some(200)).await.unwrap());
    }
    let deleted = world.open_case("deleted").await;
    assert!(world.store.delete_account(&account_ref("deleted")).await.unwrap());
    assert_eq!(told_of(&world, deleted).await, ["opened", "closed"]);
    let body = body_of(&world, AppEventKind::Closed).await;
    assert!(body.contains(r#""user_id":"user of deleted""#), "{body}");
    assert!(body.contains(r#""reason":"account_deleted""#), "{body}");
}

async fn a_case_that_reaches_nobody_is_told_when_the_last_hope_ends(world: World) {
    let world = world.with_rules(listened()).await;
    world.put(upsert("alone", Vec::new())).await;
    let signal = world.signal("alone", "alone", SignalKind::LoginRequired);
    let alone = world.apply(signal).await.case_id.unwrap();
    assert_eq!(told_of(&world, alone).await, ["opened", "unreachable"]);
    world.apply(world.signal("joins", "alone", SignalKind::LoginRequired)).await;
    assert_eq!(told_of(&world, alone).await, ["opened", "unreachable"], "once");

    let signal = world.signal("strange", "strange", SignalKind::LoginRequired);
    let strange = world.apply(signal).await.case_id.unwrap();
    assert_eq!(told_of(&world, strange).await, ["opened"], "its account may still come");
    world.put(upsert("strange", Vec::new())).await;
    assert_eq!(told_of(&world, strange).await, ["opened", "unreachable"]);

    world.put(upsert("acc", vec![no_phone("u1")])).await;
    let signal = world.signal("acc", "acc", SignalKind::LoginRequired);
    let case = world.apply(signal).await.case_id.unwrap();
    world.advance(SETTLE);
    let refused = Outcome::Rejected { reason: Reason::NoSuchRecipient };
    let open = world.send(id_of(case, "first", "u1", Channel::Email)).await;
    world.finish(&open, refused.clone()).await;
    assert_eq!(told_of(&world, case).await, ["opened"], "the next step is still to come");
    world.advance(DAY);
    let open = world.send(id_of(case, "nudge", "u1", Channel::Email)).await;
    world.finish(&open, refused).await;
    assert_eq!(told_of(&world, case).await, ["opened", "unreachable"]);
}

/// Each of the two cannot see that the other ends as well, unless they wait for one another.
async fn two_last_messages_that_end_at_once_are_noticed(world: World) {
    let mut only = listened();
    only.policy.steps.truncate(1);
    let world = world.with_rules(only).await;
    for n in 0..12 {
        let account = format!("acc {n}");
        world.put(upsert(&account, vec![no_phone("u1"), no_phone("u2")])).await;
        let signal = world.signal(&account, &account, SignalKind::LoginRequired);
        let case = world.apply(signal).await.case_id.unwrap();
        world.advance(SETTLE);
        let one = world.send(id_of(case, "first", "u1", Channel::Email)).await;
        let two = world.send(id_of(case, "first", "u2", Channel::Email)).await;
        let refused = Outcome::Rejected { reason: Reason::NoSuchRecipient };
        tokio::join!(world.finish(&one, refused.clone()), world.finish(&two, refused));
        assert_eq!(told_of(&world, case).await, ["opened", "unreachable"], "{account}");
    }
}

async fn what_was_in_doubt_is_told_once_it_is_known(world: World) {
    let world = world.with_rules(listened()).await;
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    assert_eq!(told_of(&world, case).await, ["opened"]);
    world.finish(&open, Outcome::Accepted).await;
    assert_eq!(told_of(&world, case).await, ["opened", "notified"]);
}

async fn a_delivery_has_one_holder_and_comes_back_when_it_falls_silent(world: World) {
    let world = world.with_rules(listened()).await;
    for n in 0..6 {
        world.open_case(&format!("acc {n}")).await;
    }
    let (a, b, c) = tokio::join!(take(&world, 2), take(&world, 2), take(&world, 2));
    let taken: BTreeSet<AppEventId> = [a, b, c].concat().iter().map(|due| due.event_id).collect();
    assert_eq!(taken.len(), 6);
    assert_eq!(take(&world, 10).await, []);
    let app = endpoint("app");
    assert_eq!(world.store.next_event_in(&app).await.unwrap(), Some(TELL_LEASE));

    world.advance(TELL_LEASE);
    let first = take(&world, 1).await.remove(0);
    world.advance(TELL_LEASE);
    let again = take(&world, 10).await;
    assert_eq!(again.len(), 6);
    let same = again.iter().find(|event| event.event_id == first.event_id).unwrap();
    assert_eq!(same.body, first.body);
    // Who lost it has no say any more.
    assert!(!world.store.told(&first, TryEnd::Delivered, Some(200)).await.unwrap());
    assert!(world.store.told(same, TryEnd::Again(MINUTE), Some(503)).await.unwrap());
    assert!(!world.store.told(same, TryEnd::Delivered, Some(200)).await.unwrap());
    world.advance(MINUTE - Duration::from_millis(1));
    let due = take(&world, 10).await;
    assert!(due.iter().all(|event| event.event_id != first.event_id));
    world.advance(Duration::from_millis(1));
    let due = take(&world, 10).await;
    assert_eq!(
        due.iter().map(|event| (event.event_id, event.tries)).collect::<Vec<_>>(),
        [(first.event_id, 1)]
    );
    assert!(world.store.told(&due[0], TryEnd::Delivered, Some(204)).await.unwrap());
    let row = deliveries(&world).await.into_iter().find(|r| r.event_id == first.event_id).unwrap();
    assert_eq!((row.state, row.tries, row.last_status), (DeliveryState::Delivered, 2, Some(204)));
    let backlog = world.store.event_backlog().await.unwrap();
    assert_eq!((backlog.len(), backlog[0].pending), (1, 5));
    assert_eq!(backlog[0].oldest, TELL_LEASE * 2 + MINUTE);
}

async fn what_was_given_up_is_kept_and_replayed_by_an_operator(world: World) {
    let world = world.with_rules(listened()).await;
    world.open_case("acc").await;
    let event = take(&world, 1).await.remove(0);
    let id = event.event_id;
    let nothing = world.operate(OperatorAct::ReplayEvent(id)).await;
    assert_eq!(nothing, Operated::NothingToDo, "it is on its way");
    world.store.told(&event, TryEnd::GivenUp, None).await.unwrap();
    assert_eq!(take(&world, 10).await, []);
    let failed = AppDeliveryFilter { failed: true, limit: 10 };
    let rows = world.store.app_deliveries(failed).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.event_id).collect::<Vec<_>>(), [id]);

    assert!(matches!(
        world.operate(OperatorAct::ReplayEvent(id)).await,
        Operated::Done { planned: None, .. }
    ));
    let log = world.store.operator_log(0, 10).await.unwrap();
    let said = (log[0].operator.as_str(), log[0].action.as_str(), log[0].subject_id.as_str());
    assert_eq!(said, (operator().as_str(), "event_replay", id.to_string().as_str()));
    let again = take(&world, 10).await.remove(0);
    assert_eq!((again.event_id, again.tries, &again.body), (id, 0, &event.body));
    world.store.told(&again, TryEnd::Delivered, Some(200)).await.unwrap();

    // What was taken may be asked for once more.
    world.operate(OperatorAct::ReplayEvent(id)).await;
    assert_eq!(take(&world, 10).await.len(), 1);
    assert_eq!(world.store.app_deliveries(failed).await.unwrap(), []);
}

/// Only who has not got it is told again.
async fn a_replay_leaves_those_alone_who_have_it(world: World) {
    let world = world.with_rules(listened()).await;
    let case = world.open_case("acc").await;
    world.operate(OperatorAct::CloseCase(case)).await;
    let case = world.open_case("other").await;
    world.store.close_case(&OpenCase::Id(case), CloseReason::Repaired).await.unwrap();
    let mut repaired = take(&world, 10).await;
    repaired.retain(|event| event.kind == AppEventKind::Repaired);
    let some = world.store.claim_events(&endpoint("some"), 10).await.unwrap();
    assert_eq!(repaired[0].event_id, some[0].event_id);
    world.store.told(&repaired[0], TryEnd::GivenUp, None).await.unwrap();
    world.store.told(&some[0], TryEnd::Delivered, Some(200)).await.unwrap();
    world.operate(OperatorAct::ReplayEvent(some[0].event_id)).await;
    assert_eq!(world.store.claim_events(&endpoint("some"), 10).await.unwrap(), []);
    let again = take(&world, 10).await;
    assert_eq!(again.iter().map(|e| e.event_id).collect::<Vec<_>>(), [some[0].event_id]);
}

async fn an_endpoint_that_is_gone_is_given_up_alone(world: World) {
    let world = world.with_rules(listened()).await;
    let case = world.open_case("acc").await;
    world.store.close_case(&OpenCase::Id(case), CloseReason::Repaired).await.unwrap();
    assert_eq!(world.store.give_up_endpoint(&endpoint("app"), 410).await.unwrap(), 2);
    assert_eq!(take(&world, 10).await, []);
    assert_eq!(world.store.claim_events(&endpoint("some"), 10).await.unwrap().len(), 1);
    world.open_case("later").await;
    assert_eq!(take(&world, 10).await.len(), 1, "what comes later is tried");
}

async fn what_was_told_is_forgotten_once_its_case_has_ended(world: World) {
    let world = world.with_rules(listened()).await;
    let open = world.open_case("open").await;
    let failed = world.open_case("failed").await;
    world.operate(OperatorAct::CloseCase(failed)).await;
    let ended = world.open_case("ended").await;
    world.operate(OperatorAct::CloseCase(ended)).await;
    let due = take(&world, 100).await;
    let of_case = deliveries(&world).await;
    for event in &due {
        let row = of_case.iter().find(|row| row.event_id == event.event_id).unwrap();
        let end = if row.case_id == failed { TryEnd::GivenUp } else { TryEnd::Delivered };
        world.store.told(event, end, None).await.unwrap();
    }
    assert_eq!(world.store.forget_events(100).await.unwrap(), 0);
    world.advance(KEPT_FOR + MINUTE);
    assert_eq!(world.store.forget_events(1).await.unwrap(), 1);
    assert_eq!(world.store.forget_events(100).await.unwrap(), 1);
    assert_eq!(world.store.forget_events(100).await.unwrap(), 0);
    assert_eq!(told_of(&world, open).await, ["opened"], "keeps its fact from being told twice");
    assert_eq!(told_of(&world, failed).await, ["opened", "closed"], "for an operator");
    assert_eq!(told_of(&world, ended).await, Vec::<String>::new());
}

async fn signals_of_one_batch_are_told_like_signals_one_by_one(world: World) {
    let world = world.with_rules(listened()).await;
    world.put(upsert("acc", vec![user(), admin()])).await;
    let batch = [
        world.signal("a", "acc", SignalKind::LoginRequired),
        world.signal("b", "acc", SignalKind::Repaired),
        world.signal("a", "acc", SignalKind::LoginRequired),
    ];
    let applied = world.store.apply_signals(&batch).await.unwrap();
    let case = applied[0].case_id.unwrap();
    assert_eq!(told_of(&world, case).await, ["opened", "repaired"]);
}

async fn an_audit_is_green_on_what_was_told_and_names_what_is_not_so(world: World) {
    let world = world.with_rules(listened()).await;
    let violated = || async {
        let request = AuditRequest { examples: 3, known_head: None };
        let found = world.store.audit(&request).await.unwrap().found;
        let bad = found.into_iter().filter(|found| found.violating > 0);
        bad.map(|found| (found.check.as_str(), found.examples.concat())).collect::<Vec<_>>()
    };
    let (_, id) = world.due_email("acc").await;
    world.claim().await;
    let open = world.send(id).await;
    world.finish(&open, Outcome::Accepted).await;
    world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
    assert_eq!(violated().await, []);
    let copies = "INSERT INTO app_events (event_id, kind, case_id, account_ref, at, body)
         SELECT '0-copy of ' || kind, kind, case_id, account_ref, at, body FROM app_events;
         INSERT INTO app_deliveries (event_id, endpoint, state, due_at, tries)
         SELECT event_id, 'app', 'delivered', 0, 1 FROM app_events WHERE event_id LIKE '0-copy%'";
    world.execute(copies).await;
    let all =
        "0-copy of relink.case.notified0-copy of relink.case.opened0-copy of relink.case.repaired";
    assert_eq!(violated().await, [("app_events", all.to_owned())]);
    world.execute("DELETE FROM app_events WHERE event_id LIKE '0-copy%'").await;
    assert_eq!(violated().await, [("app_events", all.to_owned())], "deliveries of nothing");
    world.execute("DELETE FROM app_deliveries WHERE event_id LIKE '0-copy%'").await;
    assert_eq!(violated().await, []);
    world.advance(LATE_AFTER + MINUTE);
    let late: Vec<_> = violated().await.into_iter().map(|(check, _)| check).collect();
    assert_eq!(late, ["app_overdue"], "nobody tells");
}

on_both!(
    an_audit_is_green_on_what_was_told_and_names_what_is_not_so,
    nothing_is_written_when_nobody_listens,
    a_message_and_a_repair_are_told_once_each,
    every_way_a_case_can_end_is_told,
    a_case_that_reaches_nobody_is_told_when_the_last_hope_ends,
    two_last_messages_that_end_at_once_are_noticed,
    what_was_in_doubt_is_told_once_it_is_known,
    a_delivery_has_one_holder_and_comes_back_when_it_falls_silent,
    what_was_given_up_is_kept_and_replayed_by_an_operator,
    a_replay_leaves_those_alone_who_have_it,
    an_endpoint_that_is_gone_is_given_up_alone,
    what_was_told_is_forgotten_once_its_case_has_ended,
    signals_of_one_batch_are_told_like_signals_one_by_one,
);
