//! A Cobalt that lists nothing account-wide is asked account by account; that it refuses one with
//! a broken login is as good as the event.

use crate::support::*;
use relink_core::arrears::TRIES;
use relink_core::case::CloseReason;
use relink_core::signal::{SignalKind, SignalSource};
use relink_core::time::{earlier, utc_day};
use relink_store::{CaseFilter, CaseStore as _, MarkStore as _, OpenCase, SignalStore as _};
use relink_store::{Store as _, StoreError};
use relink_worker::reconcile::{MARK, RoundError, Wish};
use std::sync::Arc;
use std::time::Duration;

/// A list that is refused account-wide, and accounts `clinic_0`, … with tokens `t0`, ….
async fn by_account(world: &World, accounts: usize) -> Arc<FakeList> {
    let list = Arc::new(FakeList::default());
    list.fail(None, 1, 100, &refusal(403));
    for n in 0..accounts {
        world.register_with(&format!("clinic_{n}"), &format!("t{n}")).await;
    }
    list
}

/// Whether the mark has moved past everything.
async fn is_complete(world: &World) -> bool {
    world.store.mark(MARK).await.unwrap().reached == Some(world.now())
}

async fn open(world: &World) -> Vec<String> {
    let open = CaseFilter { open: Some(true), limit: 1_000, ..CaseFilter::default() };
    let cases = world.store.cases(&open).await.unwrap();
    let mut open: Vec<_> = cases.iter().map(|case| case.account_ref.to_string()).collect();
    open.sort();
    open
}

#[tokio::test]
async fn each_account_is_asked_for_with_its_token() {
    let world = World::new().await;
    let list = by_account(&world, 250).await;
    for n in 0..250 {
        // Some of them leave out whom they are about, since that was said with the question.
        let mut event = missed(&format!("e{n}"), &format!("clinic_{n}"), world.now());
        if n % 2 == 0 {
            event.account_ref = None;
        }
        list.list_for(&format!("t{n}"), event);
    }
    let reconciler = world.reconciler(&list);
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.accounts, tally.ours, tally.found), (250, 250, 250));
    assert_eq!(open(&world).await.len(), 250);
    assert!(world.store.mark(MARK).await.unwrap().reached.is_some());
    let again = world.round(&reconciler).await;
    assert_eq!((again.known, again.found), (250, 0));
}

#[tokio::test]
async fn every_refusal_that_may_mean_name_an_account_is_tried_so() {
    for status in [400, 401, 403, 422] {
        let world = World::new().await;
        let list = Arc::new(FakeList::default());
        list.fail(None, 1, 1, &refusal(status));
        world.register_with("clinic_0", "t0").await;
        assert_eq!(world.round(&world.reconciler(&list)).await.accounts, 1, "{status}");
    }
    for status in [404, 429, 500] {
        let world = World::new().await;
        let list = Arc::new(FakeList::default());
        list.fail(None, 1, 1, &refusal(status));
        let error = world.reconciler(&list).round(&Wish::default()).await.unwrap_err();
        assert_eq!(error, RoundError::Cobalt(refusal(status)));
    }
}

#[tokio::test]
async fn without_any_account_a_refusal_is_not_taken_for_an_empty_list() {
    let world = World::new().await;
    let list = by_account(&world, 0).await;
    let error = world.reconciler(&list).round(&Wish::default()).await.unwrap_err();
    assert_eq!(error, RoundError::Cobalt(refusal(403)));
    assert!(!is_complete(&world).await);
}

#[tokio::test]
async fn a_broken_login_is_told_once() {
    let world = World::new().await;
    let list = by_account(&world, 2).await;
    list.fail(Some("t1"), 1, 1_000, &login_required());
    let reconciler = world.reconciler(&list);
    let dry = Wish { since: None, dry_run: true };
    assert_eq!(reconciler.round(&dry).await.unwrap().unwrap().found, 1);
    assert!(open(&world).await.is_empty());

    let tally = world.round(&reconciler).await;
    assert_eq!((tally.accounts_broken, tally.found), (1, 1));
    assert_eq!(open(&world).await, ["clinic_1"]);
    let first = world.store.cases(&CaseFilter { limit: 1, ..CaseFilter::default() }).await.unwrap();
    let history = world.history(first[0].id).await;
    assert_eq!(history.signals[0].signal.source, SignalSource::Reconcile);
    assert_eq!(history.notifications.len(), 2);

    // While the case is open it is no news, and the round is complete all the same.
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.accounts_broken, tally.found, tally.is_complete()), (1, 0, true));
    assert_eq!(world.history(first[0].id).await.case.signals, 1);

    // Right after a repair Cobalt may not know of it yet; later its word counts again.
    let repaired = world.signal("repair", "clinic_1", SignalKind::Repaired);
    world.store.apply_signals(&[repaired]).await.unwrap();
    world.advance(Duration::from_secs(60));
    assert_eq!(world.round(&reconciler).await.found, 0);
    world.advance(Duration::from_secs(540));
    assert_eq!(world.round(&reconciler).await.found, 1);
    assert_eq!(open(&world).await, ["clinic_1"]);
}

#[tokio::test]
async fn a_broken_login_that_an_operator_has_closed_rests_until_its_case_would_have_expired() {
    let world = World::new().await;
    let list = by_account(&world, 2).await;
    for token in ["t0", "t1"] {
        list.fail(Some(token), 1, 1_000, &login_required());
    }
    let reconciler = world.reconciler(&list);
    world.round(&reconciler).await;
    assert_eq!(open(&world).await, ["clinic_0", "clinic_1"]);
    let by_operator = OpenCase::Account("clinic_0".parse().unwrap());
    world.store.close_case(&by_operator, CloseReason::Operator).await.unwrap().unwrap();
    world.advance(29 * DAY);
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.accounts_broken, tally.found), (2, 0));
    assert_eq!(open(&world).await, ["clinic_1"]);
    // Neither an operator nor a person who never came has mended it: it is told of once more.
    world.advance(DAY);
    assert_eq!(world.store.expire_cases(10).await.unwrap(), 1);
    world.advance(Duration::from_millis(1));
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.accounts_broken, tally.found), (2, 2));
    assert_eq!(open(&world).await, ["clinic_0", "clinic_1"]);
    assert_eq!(world.round(&reconciler).await.found, 0);
}

#[tokio::test]
async fn an_account_without_an_answer_costs_no_other_and_is_looked_at_again() {
    let world = World::new().await;
    let list = by_account(&world, 3).await;
    list.list_for("t2", missed("e2", "clinic_2", world.now()));
    list.fail(Some("t0"), 1, 2, &refusal(404));
    list.fail(Some("t1"), 1, 1, &refusal(503));
    let reconciler = world.reconciler(&list);
    for (refused, failed, found) in [(1, 1, 1), (1, 0, 0), (0, 0, 0)] {
        let tally = world.round(&reconciler).await;
        assert_eq!((tally.accounts_refused, tally.accounts_failed), (refused, failed));
        assert_eq!((tally.found, tally.owed), (found, refused + failed));
        assert_eq!(is_complete(&world).await, refused + failed == 0);
    }
}

#[tokio::test]
async fn an_account_that_stays_out_of_reach_is_set_aside_and_later_looked_at_from_where_it_was_left()
 {
    for token_opens in [true, false] {
        let world = World::new().await;
        let list = by_account(&world, 2).await;
        let from_the_start = world.now();
        let reconciler = world.reconciler(&list);
        let tries = usize::try_from(TRIES).unwrap();
        for round in 1..=tries + 3 {
            if token_opens {
                list.fail(Some("t0"), 1, 1, &refusal(404));
            } else {
                world.store.fail("access_token", 1, &StoreError::Sealed("on purpose".into()));
            }
            let tally = world.round(&reconciler).await;
            assert_eq!(tally.accounts_refused, 1);
            let is_aside = round >= tries;
            assert_eq!((tally.owed, tally.set_aside), if is_aside { (0, 1) } else { (1, 0) });
            assert_eq!(is_complete(&world).await, is_aside, "{round}");
            world.advance(DAY);
        }
        // The others' window is a short one again, and this account's goes back to the start.
        list.list_for("t0", missed("e0", "clinic_0", from_the_start));
        let tally = world.round(&reconciler).await;
        assert_eq!((tally.found, tally.set_aside), (1, 0));
        let from = |token: &str| {
            let asked = list.asked();
            let last = asked.iter().rfind(|it| it.token.as_deref() == Some(token)).unwrap();
            last.from.clone()
        };
        assert!(from("t0") <= utc_day(earlier(from_the_start, DAY)).to_string());
        assert!(from("t1") >= utc_day(earlier(world.now(), 4 * DAY)).to_string());
    }
}

#[tokio::test]
async fn when_cobalt_lists_account_wide_again_nobody_who_was_set_aside_is_left_out() {
    let world = World::new().await;
    let list = by_account(&world, 2).await;
    let from_the_start = world.now();
    let reconciler = world.reconciler(&list);
    for _ in 0..TRIES {
        list.fail(Some("t0"), 1, 1, &refusal(404));
        world.round(&reconciler).await;
    }
    world.advance(30 * DAY);
    list.fail(Some("t0"), 1, 1, &refusal(404));
    world.round(&reconciler).await;
    list.mend(None, 1);
    list.list(missed("e0", "clinic_0", from_the_start));
    let tally = world.round(&reconciler).await;
    assert_eq!((tally.accounts, tally.found, tally.set_aside), (0, 1, 0));
    let from = list.asked().last().unwrap().from.clone();
    assert!(from <= utc_day(earlier(from_the_start, DAY)).to_string());
}

#[tokio::test]
async fn when_no_account_is_answered_for_the_round_ends_early_and_says_why() {
    let world = World::new().await;
    let list = by_account(&world, 601).await;
    for n in 0..601 {
        list.fail(Some(&format!("t{n}")), 1, 1, &refusal(401));
    }
    let error = world.reconciler(&list).round(&Wish::default()).await.unwrap_err();
    let source = Box::new(RoundError::Cobalt(refusal(401)));
    assert_eq!(error, RoundError::NoAccountAnswers { accounts: 500, source });
    assert_eq!(list.pages().len(), 1 + 500);
    assert!(!is_complete(&world).await);
}

#[tokio::test]
async fn a_block_of_accounts_that_are_refused_hides_nobody_behind_it() {
    let world = World::new().await;
    let list = by_account(&world, 120).await;
    // By name, 99 comes last.
    for n in (0..120).filter(|n| *n != 99) {
        list.fail(Some(&format!("t{n}")), 1, 1, &refusal(404));
    }
    list.list_for("t99", missed("e99", "clinic_99", world.now()));
    let tally = world.round(&world.reconciler(&list)).await;
    assert_eq!((tally.accounts, tally.accounts_refused, tally.found), (120, 119, 1));
}

#[tokio::test]
async fn a_token_that_no_key_opens_costs_no_other_account() {
    let world = World::new().await;
    let list = by_account(&world, 2).await;
    list.list_for("t1", missed("e1", "clinic_1", world.now()));
    list.list_for("t0", missed("e0", "clinic_0", world.now()));
    world.store.fail("access_token", 1, &StoreError::Sealed("on purpose".into()));
    let tally = world.round(&world.reconciler(&list)).await;
    assert_eq!((tally.accounts, tally.accounts_refused, tally.found), (2, 1, 1));
    world.store.check().await.unwrap();
}

#[tokio::test]
async fn a_missing_key_of_ours_hides_nobody_behind_those_that_it_sealed() {
    let world = World::new().await;
    let list = by_account(&world, 601).await;
    world.store.fail("access_token", 520, &StoreError::Sealed("on purpose".into()));
    let tally = world.round(&world.reconciler(&list)).await;
    assert_eq!((tally.accounts, tally.accounts_refused), (601, 520));
    assert_eq!(list.pages().len(), 1 + 81);
}
