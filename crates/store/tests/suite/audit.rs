//! An audit is green on whatever the store itself can bring about, and names what it cannot.

use crate::on_both;
use crate::world::{DAY, LEASE, MINUTE, World, account_ref, deferred, id_of, unknown};
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::signal::SignalKind;
use relink_store::{AuditRequest, Audited, LATE_AFTER, OperatorAct, UNCLAIMED_AFTER};

async fn audit(world: &World) -> Audited {
    world.store.audit(&AuditRequest { examples: 3, known_head: None }).await.unwrap()
}

/// The checks that found something, with their first example.
async fn violated(world: &World) -> Vec<(&'static str, String)> {
    let audited = audit(world).await;
    let bad = audited.found.iter().filter(|found| found.violating > 0);
    bad.map(|found| (found.check.as_str(), found.examples.concat())).collect()
}

/// Sends, doubts, deaths, replays, repairs, holds, deletions and expiry, one account each.
async fn busy(world: &World) {
    let (_, sent) = world.due_email("sent").await;
    let open = world.send(sent).await;
    world.finish(&open, Outcome::Accepted).await;
    world.apply(world.signal("again", "sent", SignalKind::LoginRequired)).await;
    world.apply(world.signal("mended", "sent", SignalKind::Repaired)).await;

    let (_, busy) = world.due_email("busy").await;
    let open = world.send(busy).await;
    world.finish(&open, deferred(Reason::TemporaryRefusal)).await;

    let (_, dead) = world.due_email("dead").await;
    for _ in 0..2 {
        let open = world.send(dead).await;
        world.finish(&open, unknown()).await;
        world.advance(MINUTE);
    }
    world.operate(OperatorAct::Replay(dead)).await;

    let held = world.open_case("held").await;
    world.operate(OperatorAct::HoldCase(held)).await;
    world.open_case("deleted").await;
    world.operate(OperatorAct::DeleteAccount(account_ref("deleted"))).await;
    world.apply(world.signal("stranger", "stranger", SignalKind::LoginRequired)).await;

    let (_, crashed) = world.due_email("crashed").await;
    world.send(crashed).await;
    world.advance(LEASE);
    world.send(crashed).await;
    world.claim().await;
}

async fn a_busy_store_is_green_and_so_is_one_at_its_end(world: World) {
    assert_eq!(violated(&world).await, []);
    busy(&world).await;
    assert_eq!(violated(&world).await, []);
    let audited = audit(&world).await;
    assert_eq!((audited.head.sequence, audited.at), (3, world.now()));
    assert!(audited.applied > 5 && audited.cases_open > 2, "{audited:?}");

    world.advance(31 * DAY);
    while world.store.expire_cases(100).await.unwrap() > 0 {}
    for due in world.claim().await {
        world.begin(due.notification_id).await;
    }
    assert_eq!(violated(&world).await, []);
}

async fn what_nobody_is_at_is_overdue(world: World) {
    let (case, id) = world.due_email("acc").await;
    world.advance(UNCLAIMED_AFTER);
    assert_eq!(violated(&world).await, []);
    world.advance(MINUTE);
    assert_eq!(violated(&world).await, [("overdue", id.to_string())], "nobody schedules");
    world.claim().await;
    assert_eq!(violated(&world).await, [], "in hand again");
    world.advance(LATE_AFTER);
    world.claim().await;
    assert_eq!(violated(&world).await, [("overdue", id.to_string())], "nobody sends");
    let open = world.send(id).await;
    world.finish(&open, Outcome::Accepted).await;
    assert_eq!(violated(&world).await, []);

    world.execute(&format!("UPDATE cases SET expires_at = 0 WHERE case_id = '{case}'")).await;
    let bad = violated(&world).await;
    assert!(bad.contains(&("overdue", case.to_string())), "nobody expires: {bad:?}");
}

/// Something wrong, and the check that must name it.
type Wrong<'a> = (&'a str, &'a str);

const ATTEMPT: &str = "INSERT INTO attempts (notification_id, number, case_id, account_ref, step,
    channel, contact_id, address, started_at, finished_at, outcome, reason, worker)
    SELECT notification_id, number + 1, case_id, account_ref, step, channel, contact_id, address,
           started_at, finished_at, outcome, reason, worker FROM attempts";

async fn each_wrong_row_is_found_and_named(world: World) {
    let attempt = format!("{ATTEMPT}; UPDATE notifications SET attempts = 2 WHERE attempts = 1");
    let wrongs: [Wrong<'_>; 13] = [
        ("UPDATE signals SET case_id = 'nowhere' WHERE result = 'opened'", "signals"),
        ("UPDATE signals SET result = 'lost'", "signals"),
        ("UPDATE notifications SET reason = NULL WHERE state = 'sent'", "ends"),
        ("DELETE FROM non_sends", "ends"),
        ("UPDATE notifications SET state = 'planned' WHERE state = 'cancelled'", "ends"),
        (&attempt, "accepted"),
        ("UPDATE attempts SET outcome = 'rejected'", "sent"),
        ("UPDATE attempts SET finished_at = started_at - 1", "intents"),
        ("UPDATE attempts SET outcome = NULL", "intents"),
        ("DELETE FROM attempts", "numbers"),
        ("UPDATE attempts SET number = 2", "numbers"),
        (
            "UPDATE attempts SET started_at = started_at + 999, finished_at = finished_at + 999",
            "after_close",
        ),
        (
            "INSERT INTO non_sends (case_id, notification_id, at, decision, reason)
             SELECT case_id, notification_id, started_at - 1, 'skipped', 'late' FROM attempts",
            "after_end",
        ),
    ];
    for (sql, check) in wrongs {
        let world = world.unmigrated().await;
        world.store.migrate().await.unwrap();
        let (case, id) = world.due_email("acc").await;
        let open = world.send(id).await;
        world.finish(&open, Outcome::Accepted).await;
        world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
        assert_eq!(violated(&world).await, [], "before: {sql}");
        world.unguarded(sql).await;
        let bad = violated(&world).await;
        let example = bad.iter().find(|(name, _)| *name == check);
        let (_, example) = example.unwrap_or_else(|| panic!("{check} did not see {sql}: {bad:?}"));
        let nudge = id_of(case, "nudge", "u1", Channel::Sms).to_string();
        let named = [id.to_string(), nudge, "event for acc".to_owned()];
        assert!(named.iter().any(|name| example.contains(name)), "{sql}: {bad:?}");
        assert!(!example.contains("jane") && !example.contains('@'), "{example}");
    }
}

async fn a_tampered_chain_a_cut_end_and_a_missing_guard_show(world: World) {
    busy(&world).await;
    world.unguarded("UPDATE operator_log SET operator = 'x' WHERE sequence = 2").await;
    assert_eq!(violated(&world).await, [("operator_log", "entry 2".to_owned())]);

    let world = world.unmigrated().await;
    world.store.migrate().await.unwrap();
    busy(&world).await;
    let head = audit(&world).await.head;
    let request = AuditRequest { examples: 3, known_head: Some(head.clone()) };
    let cut = |audited: Audited| -> Vec<String> {
        audited.found.iter().flat_map(|found| found.examples.clone()).collect()
    };
    assert!(cut(world.store.audit(&request).await.unwrap()).is_empty());
    world.unguarded("DELETE FROM operator_log WHERE sequence = 3").await;
    assert_eq!(violated(&world).await, [], "a cut end is a chain too");
    let seen = cut(world.store.audit(&request).await.unwrap());
    assert_eq!(seen, [format!("{head} is not in it")]);

    world.drop_guard().await;
    assert_eq!(violated(&world).await, [("guards", "attempts_update".to_owned())]);
}

on_both!(
    a_busy_store_is_green_and_so_is_one_at_its_end,
    what_nobody_is_at_is_overdue,
    each_wrong_row_is_found_and_named,
    a_tampered_chain_a_cut_end_and_a_missing_guard_show,
);
