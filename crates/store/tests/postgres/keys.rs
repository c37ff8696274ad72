//! Sealing tokens again, in the one moment in which somebody can come between: after the token was
//! opened and before it is replaced.

use crate::server::TestDatabase;
use crate::world::{account, account_ref, rules, store};
use relink_core::seal::{KEY_LEN, KeyRing, SealKey};
use relink_store::{AccountStore as _, Clock, KeyStore as _, PostgresStore, ResealRequest};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_changed_after_it_was_opened_is_left_alone() {
    let database = TestDatabase::create().await;
    let before = store(&database, 2).await;
    before.put_accounts(&[account(0), account(1)]).await.unwrap();
    let key = |id, byte| SealKey::from_bytes(id, &[byte; KEY_LEN]).unwrap();
    let ring = KeyRing::new(key("k2", 8), vec![key("k1", 7)]);
    let rotating =
        PostgresStore::open(&database.settings(2), rules(), ring, Clock::System).unwrap();

    // Whoever registers the account holds this lock.
    let other = database.client().await;
    let lock = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('clinic_0', 0))";
    other.batch_execute(lock).await.unwrap();
    let request = ResealRequest { after: None, limit: 100, dry_run: false };
    let resealing = tokio::spawn(async move { (rotating.reseal(&request).await, rotating) });
    let watcher = database.client().await;
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let waiting = async {
        while watcher.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    // By now it has opened both. The row as another sealing of the same token leaves it.
    let changed = "UPDATE accounts SET access_token = decode('00', 'hex') || access_token
                   WHERE account_ref = 'clinic_0'; COMMIT";
    other.batch_execute(changed).await.unwrap();

    let (batch, rotating) = resealing.await.unwrap();
    let batch = batch.unwrap();
    assert_eq!((batch.resealed, batch.overtaken, batch.unopened.len()), (1, 1, 0));
    let row = "SELECT access_token_key, get_byte(access_token, 0) FROM accounts
               WHERE account_ref = 'clinic_0'";
    let row = watcher.query_one(row, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("k1", 0), "it was put back");
    let token = rotating.access_token(&account_ref(1)).await.unwrap().unwrap();
    assert_eq!(token.expose(), "token-1");
}
