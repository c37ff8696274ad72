//! Servers that are lost, full or silent, and callers that leave.

use crate::server::TestDatabase;
use crate::world::{account, begin_request, signal, store};
use relink_core::plan::SignalResult;
use relink_core::signal::SignalKind;
use relink_store::{
    AccountStore as _, Begin, CaseStore as _, DeliveryStore as _, DueStore as _, PostgresStore,
    SignalStore as _, Store as _, StoreError,
};
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The longest any call may take, with room for a busy machine.
const CALL_DEADLINE: Duration = Duration::from_secs(18);

/// The longest a call may wait for a connection, with room for a busy machine.
const ACQUIRE_DEADLINE: Duration = Duration::from_millis(4_500);

fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

/// Repeats `check` until it holds.
async fn eventually<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let started = Instant::now();
    while !check().await {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn open_transactions(client: &tokio_postgres::Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity \
               WHERE application_name = 'relink' AND datname = current_database() \
                 AND state IS DISTINCT FROM 'idle'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_loses_nothing_and_the_store_comes_back_by_itself() {
    let database = TestDatabase::on_own_server(20).await;
    let store = store(&database, 4).await;
    store.put_accounts(&[account(1)]).await.unwrap();
    let broken = [signal("broken", 1, SignalKind::LoginRequired)];
    store.apply_signals(&broken).await.unwrap();
    let due = store.claim_due(10).await.unwrap();
    let request = [begin_request(due[0].notification_id, "worker")];
    assert!(matches!(store.begin(&request).await.unwrap()[0], Begin::Send(_)));

    database.server().kill_9();
    for _ in 0..6 {
        let answer = timeout(CALL_DEADLINE, store.apply_signals(&broken)).await.unwrap();
        assert!(is_unavailable(&answer), "{answer:?}");
    }
    database.server().restart();
    eventually("the store answers again", || async { store.check().await.is_ok() }).await;

    let again = store.apply_signals(&broken).await.unwrap();
    assert_eq!(again[0].result, SignalResult::Duplicate);
    assert!(matches!(store.begin(&request).await.unwrap()[0], Begin::NotNow));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_holds_nobody_beyond_the_deadline() {
    let database = TestDatabase::on_own_server(20).await;
    let store = store(&database, 2).await;
    store.check().await.unwrap();
    database.server().freeze(true);
    let started = Instant::now();
    // One on the connection that is open, one that has to make its own.
    let (a, b) = tokio::join!(
        timeout(CALL_DEADLINE, store.check()),
        timeout(CALL_DEADLINE, store.expire_cases(10)),
    );
    assert!(is_unavailable(&a.unwrap()) && is_unavailable(&b.unwrap()));
    assert!(started.elapsed() < CALL_DEADLINE);
    database.server().freeze(false);
    eventually("the store answers again", || async { store.check().await.is_ok() }).await;
    let client = database.client().await;
    eventually("nothing is left open", || async { open_transactions(&client).await == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_room_is_unavailable_at_once() {
    let database = TestDatabase::on_own_server(6).await;
    let store = store(&database, 4).await;
    drop(store);
    let mut taken = Vec::new();
    while let Ok(Ok((client, connection))) = timeout(
        Duration::from_secs(10),
        tokio_postgres::connect(database.settings(1).url.expose(), tokio_postgres::NoTls),
    )
    .await
    {
        tokio::spawn(connection);
        taken.push(client);
        assert!(taken.len() <= 6);
    }
    let store = crate::world::unmigrated(&database, 4);
    let answer = timeout(ACQUIRE_DEADLINE, store.check()).await.unwrap();
    assert!(is_unavailable(&answer), "{answer:?}");
    taken.clear();
    eventually("the store answers again", || async { store.check().await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_never_comes_and_a_pool_that_is_empty_are_unavailable_in_time() {
    let database = TestDatabase::create().await;
    let store = store(&database, 1).await;
    let other = hold_account(&database, "clinic_1").await;
    let broken = [signal("broken", 1, SignalKind::LoginRequired)];
    let waiting = async { timeout(ACQUIRE_DEADLINE, store.apply_signals(&broken)).await.unwrap() };
    let queued = async { timeout(ACQUIRE_DEADLINE, store.claim_due(1)).await.unwrap() };
    let (waiting, queued) = tokio::join!(waiting, queued);
    assert!(is_unavailable(&waiting), "{waiting:?}");
    // It may also have come first.
    assert!(queued.is_ok() || is_unavailable(&queued), "{queued:?}");
    assert_eq!(open_transactions(&database.client().await).await, 0);
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.apply_signals(&broken).await.unwrap()[0].result, SignalResult::Opened);
}

/// Holds the lock that everybody who plans for an account takes.
async fn hold_account(database: &TestDatabase, account_ref: &str) -> tokio_postgres::Client {
    let client = database.client().await;
    client.batch_execute("BEGIN").await.unwrap();
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
    client.query_one(sql, &[&account_ref]).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_leaves_no_transaction_behind() {
    let database = TestDatabase::create().await;
    let store = store(&database, 4).await;
    store.put_accounts(&[account(1)]).await.unwrap();
    let other = hold_account(&database, "clinic_1").await;
    let watcher = database.client().await;

    let broken = [signal("broken", 1, SignalKind::LoginRequired)];
    {
        let mut call = std::pin::pin!(store.apply_signals(&broken));
        let begun = eventually("the transaction waits for the lock", || async {
            open_transactions(&watcher).await == 1
        });
        tokio::select! {
            answer = &mut call => panic!("{answer:?}"),
            () = begun => {}
        }
        // Dropped here, in the middle of its transaction.
    }
    other.batch_execute("COMMIT").await.unwrap();
    eventually("nothing is left open", || async { open_transactions(&watcher).await == 0 }).await;
    // It ran to its end: whole, not half.
    let applied = store.apply_signals(&broken).await.unwrap();
    assert_eq!(applied[0].result, SignalResult::Duplicate);
    let history = store.case(applied[0].case_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((history.signals.len(), history.notifications.len()), (1, 2));
    works(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_in_a_transaction_is_not_used_again() {
    let database = TestDatabase::create().await;
    let store = store(&database, 1).await;
    let other = hold_account(&database, "clinic_1").await;
    let watcher = database.client().await;
    let broken = [signal("broken", 1, SignalKind::LoginRequired)];
    let cut = async {
        eventually("the transaction waits for the lock", || async {
            open_transactions(&watcher).await == 1
        })
        .await;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE application_name = 'relink' AND datname = current_database()";
        watcher.query(sql, &[]).await.unwrap();
    };
    let (answer, ()) = tokio::join!(store.apply_signals(&broken), cut);
    assert!(is_unavailable(&answer), "{answer:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.apply_signals(&broken).await.unwrap()[0].result, SignalResult::Opened);
}

async fn works(store: &PostgresStore) {
    store.put_accounts(&[account(2)]).await.unwrap();
    let broken = [signal("works", 2, SignalKind::LoginRequired)];
    assert_eq!(store.apply_signals(&broken).await.unwrap()[0].result, SignalResult::Opened);
}
