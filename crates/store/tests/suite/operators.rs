//! What operators do with what needs them, and the numbers they watch.

use crate::on_both;
use crate::world::{LEASE, MINUTE, World, account_ref, id_of, keys, operator, rules, unknown};
use NotificationState::{Cancelled, Dead, Planned, Sent};
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::case::CloseReason;
use relink_core::id::{NotificationId, SubjectId};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::operator_log::{Act, Action, Chain, SubjectKind};
use relink_store::{OpenCase, Operated, OperatorAct, StoreStats};

/// An email in doubt twice.
async fn dead(world: &World, account: &str) -> (relink_core::id::CaseId, NotificationId) {
    let (case, id) = world.due_email(account).await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    world.advance(MINUTE);
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    assert_eq!(world.stands(case, id).await.0, Dead);
    (case, id)
}

async fn the_dead_are_listed_and_replayed_once_each(world: World) {
    let (case, id) = dead(&world, "acc").await;
    world.advance(MINUTE);
    let (_, other) = dead(&world, "other").await;
    let listed = world.store.dead_notifications(10).await.unwrap();
    assert_eq!(listed.iter().map(|n| n.id).collect::<Vec<_>>(), [id, other]);
    assert_eq!(world.store.dead_notifications(1).await.unwrap().len(), 1);

    let replay = id_of(case, "first#replay1", "u1", Channel::Email);
    let done = world.operate(OperatorAct::Replay(id)).await;
    assert!(
        matches!(&done, Operated::Done { planned, head } if *planned == Some(replay) && head.sequence == 1),
        "{done:?}"
    );
    // Twice is once.
    let again = world.operate(OperatorAct::Replay(id)).await;
    assert_eq!(again, Operated::ReplayedBefore(replay));
    assert_eq!(world.stands(case, id).await, (Dead, Some(Reason::InDoubt)), "an end stays an end");
    let back = world.notification(case, replay).await;
    assert_eq!((back.state, back.due_at, back.doubts), (Planned, world.now(), 0));
    assert_eq!(
        world.told(case, id).await.last(),
        Some(&(NonSend::Replayed, Reason::OperatorReplay))
    );
    let due: Vec<_> = world.claim().await.into_iter().map(|due| due.notification_id).collect();
    assert_eq!(due, [replay]);
    let open = world.send(replay).await;
    assert_eq!(open.number, 1);
    world.finish(&open, Outcome::Accepted).await;
    assert_eq!(world.stands(case, replay).await.0, Sent);
    let listed = world.store.dead_notifications(10).await.unwrap();
    assert_eq!(listed.iter().map(|n| n.id).collect::<Vec<_>>(), [other]);
    assert_eq!(world.store.stats().await.unwrap().dead, 1);
    assert_eq!(world.operate(OperatorAct::Replay(replay)).await, Operated::NothingToDo);
}

async fn a_replay_that_dies_can_be_replayed_in_its_turn(world: World) {
    let (case, id) = dead(&world, "acc").await;
    world.operate(OperatorAct::Replay(id)).await;
    let first = id_of(case, "first#replay1", "u1", Channel::Email);
    for _ in 0..2 {
        let open = world.send(first).await;
        world.finish(&open, unknown()).await;
        world.advance(MINUTE);
    }
    assert_eq!(world.stands(case, first).await.0, Dead);
    let second = id_of(case, "first#replay2", "u1", Channel::Email);
    let done = world.operate(OperatorAct::Replay(first)).await;
    assert!(matches!(done, Operated::Done { planned: Some(id), .. } if id == second), "{done:?}");
}

async fn a_replay_refused_by_the_address_goes_on_over_the_steps_next_channel(world: World) {
    let (case, id) = dead(&world, "acc").await;
    world.operate(OperatorAct::Replay(id)).await;
    let open = world.send(id_of(case, "first#replay1", "u1", Channel::Email)).await;
    world.finish(&open, Outcome::Rejected { reason: Reason::NoSuchRecipient }).await;
    let text = id_of(case, "first#replay1", "u1", Channel::Sms);
    assert_eq!(world.stands(case, text).await.0, Planned);
}

async fn what_nobody_needs_to_hear_is_not_replayed_and_a_replay_passes_the_gate(world: World) {
    let (case, id) = dead(&world, "acc").await;
    let which = OpenCase::Account(account_ref("acc"));
    world.store.close_case(&which, CloseReason::Repaired).await.unwrap();
    assert_eq!(world.stands(case, id).await.0, Dead, "an end stays an end");
    assert_eq!(world.operate(OperatorAct::Replay(id)).await, Operated::CaseClosed);
    assert_eq!(world.store.operator_log(0, 10).await.unwrap(), [], "nothing done, nothing said");

    let (case, id) = dead(&world, "other").await;
    world.operate(OperatorAct::Replay(id)).await;
    let which = OpenCase::Account(account_ref("other"));
    world.store.close_case(&which, CloseReason::Repaired).await.unwrap();
    let replay = id_of(case, "first#replay1", "u1", Channel::Email);
    assert_eq!(world.stands(case, replay).await, (Cancelled, Some(Reason::CaseClosed)));
}

async fn every_act_is_in_the_log_and_the_chain_holds(world: World) {
    let (held, id) = dead(&world, "acc").await;
    let deleted = account_ref("deleted");
    world.open_case("deleted").await;
    let acts = [
        OperatorAct::Replay(id),
        OperatorAct::HoldCase(held),
        OperatorAct::ReleaseCase(held),
        OperatorAct::CloseCase(held),
        OperatorAct::DeleteAccount(deleted),
    ];
    for act in &acts {
        assert!(matches!(world.operate(act.clone()).await, Operated::Done { .. }), "{act:?}");
    }
    // What changes nothing says nothing.
    for act in &acts[1..] {
        assert_eq!(world.operate(act.clone()).await, Operated::NothingToDo, "{act:?}");
    }
    let letter = SubjectId::parse("letter 1").unwrap();
    let act = Act::new(&operator(), Action::DeadDiscard, SubjectKind::Letter, letter);
    let head = world.store.record(&act.with("phase", "intent")).await.unwrap();

    let entries = world.store.operator_log(0, 100).await.unwrap();
    let said: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "dead_replay",
        "case_hold",
        "case_release",
        "case_close",
        "account_delete",
        "dead_discard",
    ];
    assert_eq!(said, expected);
    assert!(entries.iter().all(|entry| entry.operator == "cli:ops@host"));
    let mut chain = Chain::default();
    entries.iter().for_each(|entry| chain.take(entry));
    assert_eq!((chain.broken(), chain.head()), (0, &head));
    assert_eq!(world.store.operator_log(4, 1).await.unwrap(), entries[4..5]);
}

async fn acts_at_the_same_moment_make_one_chain(world: World) {
    let mut tasks = Vec::new();
    for number in 0..8 {
        let store = world.another(rules(), keys()).await;
        let letter = SubjectId::parse(&format!("letter {number}")).unwrap();
        let act = Act::new(&operator(), Action::DeadReplay, SubjectKind::Letter, letter);
        tasks.push(tokio::spawn(async move { store.record(&act).await.unwrap().sequence }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
    let mut chain = Chain::default();
    world.store.operator_log(0, 100).await.unwrap().iter().for_each(|entry| chain.take(entry));
    assert_eq!((chain.broken(), chain.head().sequence), (0, 8));
}

async fn what_only_grows_cannot_be_changed_by_hand(world: World) {
    let (_, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    let letter = SubjectId::parse("letter").unwrap();
    let act = Act::new(&operator(), Action::DeadReplay, SubjectKind::Letter, letter);
    world.store.record(&act).await.unwrap();
    for (sql, said) in [
        ("DELETE FROM attempts", "attempts only grow"),
        ("UPDATE attempts SET outcome = 'accepted'", "attempts only grow"),
        ("UPDATE attempts SET outcome = NULL", "attempts only grow"),
        ("UPDATE attempts SET started_at = started_at - 1", "attempts only grow"),
        (
            "UPDATE attempts SET resolved_as = 'accepted', resolved_at = 1, address = 'x'",
            "attempts only grow",
        ),
        ("DELETE FROM operator_log", "operator_log only grows"),
        ("UPDATE operator_log SET operator = 'x'", "operator_log only grows"),
    ] {
        let refused = world.refused(sql).await;
        assert!(refused.contains(said), "{sql}: {refused}");
    }
    // Its doubt may be resolved, once.
    world.execute("UPDATE attempts SET resolved_as = 'accepted', resolved_at = 1").await;
    let again = "UPDATE attempts SET resolved_as = 'rejected', resolved_at = 2";
    assert!(world.refused(again).await.contains("attempts only grow"));
}

async fn the_gauges_count_what_is_open(world: World) {
    assert_eq!(world.store.stats().await.unwrap(), StoreStats::default());
    dead(&world, "dead").await;
    let (_, id) = world.due_email("doubtful").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    world.open_case("open").await;
    let (_, id) = world.due_email("crashed").await;
    world.send(id).await;
    world.advance(LEASE);
    let which = OpenCase::Account(account_ref("open"));
    world.store.close_case(&which, CloseReason::Operator).await.unwrap();
    let expected = StoreStats { cases_open: 3, unknown_open: 1, dead: 1, sends_after_repair: 0 };
    assert_eq!(world.store.stats().await.unwrap(), expected);
}

on_both!(
    the_dead_are_listed_and_replayed_once_each,
    a_replay_that_dies_can_be_replayed_in_its_turn,
    a_replay_refused_by_the_address_goes_on_over_the_steps_next_channel,
    what_nobody_needs_to_hear_is_not_replayed_and_a_replay_passes_the_gate,
    every_act_is_in_the_log_and_the_chain_holds,
    acts_at_the_same_moment_make_one_chain,
    what_only_grows_cannot_be_changed_by_hand,
    the_gauges_count_what_is_open,
);
