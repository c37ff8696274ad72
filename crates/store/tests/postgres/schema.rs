//! The schema, and what its columns can hold.

use crate::server::TestDatabase;
use crate::world::{account, signal, store, unmigrated};
use relink_core::signal::SignalKind;
use relink_store::StoreError;
use relink_store::{AccountStore as _, CaseFilter, CaseStore as _, SignalStore as _, Store as _};

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_that_migrate_at_once_one_does() {
    let database = TestDatabase::create().await;
    let stores: Vec<_> = (0..4).map(|_| unmigrated(&database, 2)).collect();
    let before = stores[0].check().await;
    assert!(matches!(&before, Err(StoreError::Schema(why)) if why.contains("relink migrate")));
    let (a, b, c, d) = tokio::join!(
        stores[0].migrate(),
        stores[1].migrate(),
        stores[2].migrate(),
        stores[3].migrate(),
    );
    let applied: Vec<String> = [a, b, c, d].into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(applied, ["0001_initial"]);
    for store in &stores {
        assert_eq!(store.check().await, Ok(()));
        assert_eq!(store.migrate().await, Ok(Vec::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_a_newer_release_is_refused() {
    let database = TestDatabase::create().await;
    let store = store(&database, 2).await;
    database
        .client()
        .await
        .batch_execute("INSERT INTO schema_migrations VALUES (99, '0099_later', 'x', 0)")
        .await
        .unwrap();
    for answer in [store.check().await, store.migrate().await.map(|_| ())] {
        assert!(
            matches!(&answer, Err(StoreError::Schema(why)) if why.contains("99")),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_has_its_limits() {
    let database = TestDatabase::create().await;
    let store = store(&database, 1).await;
    store.put_accounts(&[account(1)]).await.unwrap();
    let watcher = database.client().await;
    watcher.batch_execute("BEGIN; LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let answer = store.account(&crate::world::account_ref(1)).await;
    let Err(StoreError::Unavailable(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("55P03"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_no_column_can_hold_does_not_cost_the_batch() {
    let database = TestDatabase::create().await;
    let store = store(&database, 2).await;
    let mut odd = signal("odd", 1, SignalKind::LoginRequired);
    odd.error_type = Some("a\0b".to_owned());
    let applied =
        store.apply_signals(&[odd, signal("even", 2, SignalKind::LoginRequired)]).await.unwrap();
    let history = store.case(applied[0].case_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(history.case.error_type.as_deref(), Some("a\u{fffd}b"));
    let filter = CaseFilter { user_id: Some("u\0".to_owned()), limit: 10, ..CaseFilter::default() };
    assert_eq!(store.cases(&filter).await, Ok(Vec::new()));
}
