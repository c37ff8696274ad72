//! Hosts that want the same thing at the same moment.

use crate::server::TestDatabase;
use crate::world::{account, account_ref, begin_request, signal, store};
use relink_core::attempt::Outcome;
use relink_core::case::CloseReason;
use relink_core::id::NotificationId;
use relink_core::plan::SignalResult;
use relink_core::signal::SignalKind;
use relink_store::{
    AccountStore as _, Begin, CaseStore as _, DeliveryStore as _, DueStore as _, FinishRequest,
    InspectStore as _, OpenCase, PostgresStore, SignalStore as _,
};
use std::sync::Arc;
use std::time::Duration;

/// Registers `count` accounts with a broken login each; answers the first notification of each.
async fn due(store: &PostgresStore, count: usize) -> Vec<NotificationId> {
    let accounts: Vec<_> = (0..count).map(account).collect();
    store.put_accounts(&accounts).await.unwrap();
    let broken: Vec<_> = (0..count)
        .map(|number| signal(&format!("broken-{number}"), number, SignalKind::LoginRequired))
        .collect();
    for applied in store.apply_signals(&broken).await.unwrap() {
        assert_eq!((applied.result, applied.planned), (SignalResult::Opened, 2));
    }
    let due = store.claim_due(count + 1).await.unwrap();
    assert_eq!(due.len(), count);
    due.into_iter().map(|due| due.notification_id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_workers_that_begin_the_same_notification_one_sends() {
    let database = TestDatabase::create().await;
    let (one, other) = (store(&database, 4).await, store(&database, 4).await);
    for id in due(&one, 200).await {
        let (a, b) = ([begin_request(id, "one")], [begin_request(id, "other")]);
        let (a, b) = tokio::join!(one.begin(&a), other.begin(&b));
        match (&a.unwrap()[0], &b.unwrap()[0]) {
            (Begin::Send(_), Begin::NotNow) | (Begin::NotNow, Begin::Send(_)) => {}
            both => panic!("{both:?}"),
        }
    }
    let watcher = database.client().await;
    let attempts: i64 =
        watcher.query_one("SELECT count(*) FROM attempts", &[]).await.unwrap().get(0);
    assert_eq!(attempts, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_attempt_begins_after_the_repair() {
    let database = TestDatabase::create().await;
    let (planner, worker) = (store(&database, 4).await, store(&database, 4).await);
    let watcher = database.client().await;
    let (mut sent, mut cancelled) = (0, 0);
    for id in due(&planner, 200).await {
        let number = number_of(&watcher, id).await;
        let repaired = [signal(&format!("repaired-{number}"), number, SignalKind::Repaired)];
        let request = [begin_request(id, "worker")];
        // Each order for certain, and both at once.
        let (applied, begun) = match number % 4 {
            0 => {
                let applied = planner.apply_signals(&repaired).await;
                (applied, worker.begin(&request).await)
            }
            1 => {
                let begun = worker.begin(&request).await;
                (planner.apply_signals(&repaired).await, begun)
            }
            _ => tokio::join!(planner.apply_signals(&repaired), worker.begin(&request)),
        };
        assert_eq!(applied.unwrap()[0].result, SignalResult::Closed);
        match begun.unwrap()[0] {
            Begin::Send(_) => sent += 1,
            Begin::NotNow | Begin::NotSent { .. } => cancelled += 1,
            Begin::LookUp(_) => panic!("nothing was in doubt"),
        }
    }
    assert_eq!(sent + cancelled, 200);
    assert!(sent > 0 && cancelled > 0, "{sent} sent, {cancelled} cancelled");
    let sql =
        "SELECT count(*) FROM attempts JOIN cases USING (case_id) WHERE started_at > closed_at";
    let late: i64 = watcher.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(late, 0, "{sent} sent, {cancelled} cancelled");
    assert_eq!(planner.stats().await.unwrap().sends_after_repair, 0);
}

async fn number_of(watcher: &tokio_postgres::Client, id: NotificationId) -> usize {
    let sql = "SELECT account_ref FROM notifications WHERE notification_id = $1";
    let row = watcher.query_one(sql, &[&id.to_string()]).await.unwrap();
    row.get::<_, &str>(0).trim_start_matches("clinic_").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_that_two_planners_apply_at_once_opens_one_case() {
    let database = TestDatabase::create().await;
    let (one, other) = (store(&database, 4).await, store(&database, 4).await);
    for number in 0..50 {
        one.put_accounts(&[account(number)]).await.unwrap();
        let same = [signal(&format!("same-{number}"), number, SignalKind::LoginRequired)];
        let (a, b) = tokio::join!(one.apply_signals(&same), other.apply_signals(&same));
        let mut results = [a.unwrap()[0].result, b.unwrap()[0].result];
        results.sort_unstable();
        assert_eq!(results, [SignalResult::Opened, SignalResult::Duplicate]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_event_id_for_two_accounts_is_taken_once() {
    let database = TestDatabase::create().await;
    let (one, other) = (store(&database, 4).await, store(&database, 4).await);
    for number in 0..50 {
        let event = format!("same-{number}");
        let (left, right) = (2 * number, 2 * number + 1);
        let mut a = signal(&event, left, SignalKind::LoginRequired);
        a.digest = "left".to_owned();
        let (a, b) = ([a], [signal(&event, right, SignalKind::LoginRequired)]);
        let (a, b) = tokio::join!(one.apply_signals(&a), other.apply_signals(&b));
        let mut results = [a.unwrap()[0].result, b.unwrap()[0].result];
        results.sort_unstable();
        assert_eq!(results, [SignalResult::Opened, SignalResult::IdReused]);
    }
}

/// Everything at once on the same few accounts, each caller in another order: whoever meets
/// somebody waits or is run again, and nobody is told of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn crowds_on_the_same_rows_neither_deadlock_nor_fail() {
    const ACCOUNTS: usize = 12;
    let database = TestDatabase::create().await;
    let store = Arc::new(store(&database, 8).await);
    let ids = due(&store, ACCOUNTS).await;
    let mut crowd = Vec::new();
    for caller in 0..8 {
        let (store, mut ids) = (Arc::clone(&store), ids.clone());
        if caller % 2 == 0 {
            ids.reverse();
        }
        crowd.push(tokio::spawn(async move {
            for round in 0..6 {
                mix(&store, &ids, caller, round).await;
            }
        }));
    }
    for caller in crowd {
        caller.await.unwrap();
    }
    let stats = store.stats().await.unwrap();
    assert_eq!(stats.sends_after_repair, 0);
}

async fn mix(store: &PostgresStore, ids: &[NotificationId], caller: usize, round: usize) {
    const ACCOUNTS: usize = 12;
    let order =
        |number: usize| if caller.is_multiple_of(2) { ACCOUNTS - 1 - number } else { number };
    match caller % 4 {
        0 | 1 => {
            let kinds = [SignalKind::LoginRequired, SignalKind::Repaired];
            let signals: Vec<_> = (0..ACCOUNTS)
                .map(|n| signal(&format!("{caller}-{round}-{n}"), order(n), kinds[(n + round) % 2]))
                .collect();
            store.apply_signals(&signals).await.unwrap();
            let accounts: Vec<_> = (0..ACCOUNTS).map(|n| account(order(n))).collect();
            store.put_accounts(&accounts).await.unwrap();
        }
        2 => {
            let worker = format!("worker-{caller}-{round}");
            let requests: Vec<_> = ids.iter().map(|id| begin_request(*id, &worker)).collect();
            let begun = store.begin(&requests).await.unwrap();
            let ended: Vec<FinishRequest> = begun.iter().filter_map(finish).collect();
            store.finish(&ended).await.unwrap();
        }
        _ => {
            store.give_back(ids).await.unwrap();
            store.claim_due(100).await.unwrap();
            let which = OpenCase::Account(account_ref(order(round)));
            store.close_case(&which, CloseReason::Operator).await.unwrap();
            store.expire_cases(10).await.unwrap();
        }
    }
}

fn finish(begun: &Begin) -> Option<FinishRequest> {
    let Begin::Send(open) = begun else { return None };
    Some(FinishRequest {
        notification_id: open.snapshot.notification.id,
        number: open.number,
        fence: open.snapshot.notification.fence,
        sent: Outcome::Accepted.into(),
        took: Duration::from_millis(1),
        jitter: 0.0,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn schedulers_share_what_is_due_between_them() {
    let database = TestDatabase::create().await;
    let (one, other) = (store(&database, 4).await, store(&database, 4).await);
    let ids = due(&one, 100).await;
    one.give_back(&ids).await.unwrap();
    let mut claimed = Vec::new();
    while claimed.len() < 100 {
        let (a, b) = tokio::join!(one.claim_due(7), other.claim_due(7));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert!(!(a.is_empty() && b.is_empty()), "only {} were claimed", claimed.len());
        claimed.extend(a.into_iter().chain(b).map(|due| due.notification_id));
    }
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!(claimed.len(), 100);
}
