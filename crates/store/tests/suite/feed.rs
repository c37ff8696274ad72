//! The in-app feed: many users, one question.

use crate::on_both;
use crate::world::{MINUTE, SETTLE, World, account_ref, id_of, rules, upsert, user};
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, OutcomeKind};
use relink_core::case::{CloseReason, HoldReason};
use relink_core::id::CaseId;
use relink_core::notification::NotificationState;
use relink_core::signal::SignalKind;
use relink_store::{AttemptFilter, OpenCase};

/// What is open for these users: user, case, told.
async fn open(world: &World, users: &[&str]) -> Vec<(String, CaseId, bool)> {
    let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
    let found = world.store.open_cases_of_users(&users).await.unwrap();
    assert_eq!(found.now, world.now());
    found.cases.into_iter().map(|row| (row.user_id, row.case.id, row.told_in_app)).collect()
}

async fn each_user_gets_their_own_open_cases_and_nobody_elses(world: World) {
    let mut cases = Vec::new();
    for account in ["a", "b", "c"] {
        cases.push(world.open_case(account).await);
        world.advance(MINUTE);
    }
    let of = |user: &str, case| (user.to_owned(), case, false);
    let asked = ["user of b", "user of a", "user of a", "nobody", "\0", "", "' OR 1=1 --", "[\"x"];
    let expected = [of("user of a", cases[0]), of("user of b", cases[1])];
    assert_eq!(open(&world, &asked).await, expected);
    assert_eq!(open(&world, &[]).await, []);

    // A second account of the same user: oldest first.
    let mut moved = upsert("c", vec![user()]);
    moved.account.user_id = "user of a".to_owned();
    world.put(moved).await;
    let both = [of("user of a", cases[0]), of("user of a", cases[2])];
    assert_eq!(open(&world, &["user of a"]).await, both);
    assert_eq!(open(&world, &["user of c"]).await, []);

    // What has ended is gone, and so is what nobody is known to own.
    world.store.close_case(&OpenCase::Id(cases[0]), CloseReason::Repaired).await.unwrap();
    world.apply(world.signal("early", "unregistered", SignalKind::LoginRequired)).await;
    assert_eq!(open(&world, &["user of a"]).await, [of("user of a", cases[2])]);
    world.store.delete_account(&account_ref("c")).await.unwrap();
    assert_eq!(open(&world, &["user of a"]).await, []);
}

async fn a_held_case_is_given_with_its_hold(world: World) {
    let case = world.open_case("a").await;
    world.store.hold_case(case, true).await.unwrap();
    let found = world.store.open_cases_of_users(&["user of a".to_owned()]).await.unwrap();
    assert_eq!(found.cases[0].case.hold, Some(HoldReason::Operator));
}

async fn the_app_is_told_once_through_the_gate_and_on_record(world: World) {
    let mut changed = rules();
    changed.policy.steps[0].channels = vec![Channel::InApp, Channel::Email];
    let world = world.with_rules(changed).await;
    let case = world.open_case("a").await;
    let id = id_of(case, "first", "u1", Channel::InApp);
    assert_eq!(world.notification(case, id).await.state, NotificationState::Planned);
    world.advance(SETTLE);
    let due = world.store.claim_due(10).await.unwrap();
    assert_eq!(
        due.iter().map(|due| (due.notification_id, due.channel)).next(),
        Some((id, Channel::InApp))
    );
    assert_eq!(open(&world, &["user of a"]).await, [("user of a".to_owned(), case, false)]);

    let sending = world.send(id).await;
    assert!(!open(&world, &["user of a"]).await[0].2, "begun is not told");
    world.finish(&sending, Outcome::Accepted).await;
    assert!(open(&world, &["user of a"]).await[0].2);

    let filter = AttemptFilter { case_id: Some(case), limit: 10, ..AttemptFilter::default() };
    let attempts = world.store.attempts(&filter).await.unwrap();
    let [attempt] = &attempts[..] else { panic!("one attempt: {attempts:?}") };
    assert_eq!((attempt.address.as_str(), attempt.channel), ("in_app", Channel::InApp));
    assert_eq!(attempt.outcome, Some(OutcomeKind::Accepted));
}

on_both!(
    each_user_gets_their_own_open_cases_and_nobody_elses,
    a_held_case_is_given_with_its_hold,
    the_app_is_told_once_through_the_gate_and_on_record,
);
