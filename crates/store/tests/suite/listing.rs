//! Lists come newest first, in pages that neither repeat nor leave out.

use crate::on_both;
use crate::world::{MINUTE, World, account_ref, deferred, upsert, user};
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::case::Case;
use relink_core::id::CaseId;
use relink_core::signal::SignalKind;
use relink_store::{AttemptFilter, AttemptRow, CaseFilter};

/// Seven cases, two of them at each moment but the last.
async fn seven_cases(world: &World) -> Vec<CaseId> {
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(world.open_case(&format!("acc {n}")).await);
        if n % 2 == 1 {
            world.advance(MINUTE);
        }
    }
    ids
}

async fn all_pages(world: &World, filter: &CaseFilter) -> Vec<Case> {
    let mut seen: Vec<Case> = Vec::new();
    loop {
        let before = seen.last().map(|case| (case.opened_at, case.id));
        let page = CaseFilter { before, limit: 2, ..filter.clone() };
        let page = world.store.cases(&page).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            return seen;
        }
        seen.extend(page);
    }
}

async fn cases_come_newest_first_in_pages(world: World) {
    let ids = seven_cases(&world).await;
    let seen = all_pages(&world, &CaseFilter::default()).await;
    assert_eq!(seen.len(), 7);
    let order: Vec<_> = seen.iter().map(|case| (case.opened_at, case.id)).collect();
    let mut sorted = order.clone();
    sorted.sort_by_key(|(at, id)| std::cmp::Reverse((*at, id.to_string())));
    assert_eq!(order, sorted);
    assert!(ids.iter().all(|id| seen.iter().any(|case| case.id == *id)));
    let none = CaseFilter { limit: 0, ..CaseFilter::default() };
    assert!(world.store.cases(&none).await.unwrap().is_empty());
}

async fn cases_are_filtered(world: World) {
    let ids = seven_cases(&world).await;
    for n in [1, 4] {
        let mended = world.signal(&format!("m{n}"), &format!("acc {n}"), SignalKind::Repaired);
        world.apply(mended).await;
    }
    world.advance(MINUTE);
    // A second case of one account.
    world.apply(world.signal("again", "acc 4", SignalKind::LoginRequired)).await;
    let count = |filter: CaseFilter| {
        let world = &world;
        async move { all_pages(world, &filter).await.len() }
    };
    let filter = CaseFilter::default;
    let user = || Some("user of acc 4".to_owned());
    let account = || Some(account_ref("acc 4"));
    assert_eq!(count(CaseFilter { open: Some(true), ..filter() }).await, 6);
    assert_eq!(count(CaseFilter { open: Some(false), ..filter() }).await, 2);
    assert_eq!(count(CaseFilter { account_ref: account(), ..filter() }).await, 2);
    assert_eq!(count(CaseFilter { user_id: user(), ..filter() }).await, 2);
    let open = Some(true);
    assert_eq!(count(CaseFilter { user_id: user(), open, ..filter() }).await, 1);
    assert_eq!(count(CaseFilter { account_ref: account(), open, ..filter() }).await, 1);
    let both = CaseFilter { account_ref: account(), user_id: user(), ..filter() };
    assert_eq!(count(both.clone()).await, 2);
    let other = CaseFilter { user_id: Some("user of acc 1".to_owned()), ..both };
    assert_eq!(count(other).await, 0);
    let nobody = CaseFilter { user_id: Some("nobody".to_owned()), ..filter() };
    assert_eq!(count(nobody).await, 0);
    let closed = CaseFilter { account_ref: account(), open: Some(false), ..filter() };
    let closed = all_pages(&world, &closed).await;
    assert_eq!(closed.iter().map(|case| case.id).collect::<Vec<_>>(), [ids[4]]);
}

async fn one_user_may_have_several_accounts(world: World) {
    for account in ["a", "b"] {
        let mut upsert = upsert(account, vec![user()]);
        upsert.account.user_id = "both".to_owned();
        world.put(upsert).await;
        let signal = world.signal(&format!("of {account}"), account, SignalKind::LoginRequired);
        world.apply(signal).await;
    }
    let filter =
        CaseFilter { user_id: Some("both".to_owned()), limit: 10, ..CaseFilter::default() };
    assert_eq!(world.store.cases(&filter).await.unwrap().len(), 2);
}

async fn attempts_come_newest_first_in_pages_and_are_filtered(world: World) {
    let outcomes = [
        Outcome::Accepted,
        deferred(Reason::TemporaryRefusal),
        Outcome::Rejected { reason: Reason::ContentRefused },
        crate::world::unknown(),
        Outcome::Accepted,
    ];
    let mut first_case = None;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let (case, id) = world.due_email(&format!("acc {n}")).await;
        first_case.get_or_insert(case);
        let open = world.send(id).await;
        world.finish(&open, outcome).await;
    }
    let (_, open_id) = world.due_email("under way").await;
    world.send(open_id).await;

    let pages = async |filter: AttemptFilter| {
        let mut seen: Vec<AttemptRow> = Vec::new();
        loop {
            let before = seen.last().map(|row| (row.started_at, row.notification_id, row.number));
            let page = AttemptFilter { before, limit: 2, ..filter.clone() };
            let page = world.store.attempts(&page).await.unwrap();
            if page.is_empty() {
                return seen;
            }
            seen.extend(page);
        }
    };
    let filter = AttemptFilter::default;
    let all = pages(filter()).await;
    assert_eq!(all.len(), 6);
    assert!(all.is_sorted_by_key(|row| std::cmp::Reverse(row.started_at)));
    assert_eq!((all[0].notification_id, all[0].outcome), (open_id, None));
    for (outcome, count) in [
        (OutcomeKind::Accepted, 2),
        (OutcomeKind::Deferred, 1),
        (OutcomeKind::Rejected, 1),
        (OutcomeKind::Unknown, 1),
    ] {
        let found = pages(AttemptFilter { outcome: Some(outcome), ..filter() }).await;
        assert_eq!(found.len(), count, "{outcome}");
        assert!(found.iter().all(|row| row.outcome == Some(outcome)));
    }
    let account = Some(account_ref("acc 0"));
    let of_account = AttemptFilter { account_ref: account.clone(), ..filter() };
    assert_eq!(pages(of_account.clone()).await.len(), 1);
    let unknown = Some(OutcomeKind::Unknown);
    assert!(pages(AttemptFilter { outcome: unknown, ..of_account }).await.is_empty());
    let of_case = AttemptFilter { case_id: first_case, ..filter() };
    assert_eq!(pages(of_case.clone()).await.len(), 1);
    assert_eq!(pages(AttemptFilter { account_ref: account, ..of_case.clone() }).await.len(), 1);
    let elsewhere = AttemptFilter { account_ref: Some(account_ref("acc 1")), ..of_case };
    assert!(pages(elsewhere).await.is_empty());
}

async fn attempts_at_the_same_moment_are_told_apart(world: World) {
    let (_, id) = world.due_email("acc").await;
    for _ in 0..5 {
        let open = world.send(id).await;
        world.finish(&open, deferred(Reason::ConnectFailed)).await;
        world.execute("UPDATE notifications SET due_at = planned_for").await;
    }
    let mut before = None;
    let mut numbers = Vec::new();
    while let Some(row) = world
        .store
        .attempts(&AttemptFilter { before, limit: 1, ..AttemptFilter::default() })
        .await
        .unwrap()
        .pop()
    {
        before = Some((row.started_at, row.notification_id, row.number));
        numbers.push(row.number);
    }
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
}

async fn an_unknown_case_has_no_history(world: World) {
    let id = CaseId::opened_by(&relink_core::id::EventId::parse("nobody").unwrap());
    assert_eq!(world.store.case(id).await.unwrap(), None);
}

on_both!(
    cases_come_newest_first_in_pages,
    cases_are_filtered,
    one_user_may_have_several_accounts,
    attempts_come_newest_first_in_pages_and_are_filtered,
    attempts_at_the_same_moment_are_told_apart,
    an_unknown_case_has_no_history,
);
