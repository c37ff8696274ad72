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
    let mut once = applied.clone();
    once.dedup();
    assert!(applied.len() > 1 && applied == once, "{applied:?}");
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
        .batch_execute(
            "INSERT INTO schema_migrations VALUES (99, '0099_later', 'x', 0);
             UPDATE schema_compatibility SET least = 99",
        )
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

/// With the session's setting, as the store has it: what still reads a whole table has no index.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_a_whole_table() {
    let database = TestDatabase::create().await;
    store(&database, 1).await;
    let client = database.client().await;
    let settings = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";
    client.batch_execute(settings).await.unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/postgres");
    let mut looked_at = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        // An audit looks at everything there is, once; so does an operator who counts by key.
        let once = name.contains("audit") || name == "sealed_tokens.sql";
        if name.contains("migration") || once {
            continue;
        }
        let sql = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let plan = plan_of(&client, &sql).await;
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
        looked_at += 1;
    }
    assert!(looked_at > 40);
}

async fn plan_of(client: &tokio_postgres::Client, sql: &str) -> String {
    let params = (1..=20).take_while(|number| sql.contains(&format!("${number}"))).count();
    let arguments = vec!["NULL"; params].join(", ");
    let arguments = if params == 0 { String::new() } else { format!("({arguments})") };
    client.batch_execute(&format!("PREPARE statement AS {sql}")).await.unwrap();
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE statement{arguments}");
    let rows = client.query(&explain, &[]).await.unwrap();
    client.batch_execute("DEALLOCATE statement").await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
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
