//! The database killed, frozen, or cut off. Nothing is sent whose intent is not on record.

use crate::seen::judge_undisturbed;
use relink_tests::{Channels, PrivatePostgres, Servers, Setup, Stage};

/// More accounts than any of these loads gets to.
const ROOM: usize = 3000;

async fn on_a_private_database(max_connections: usize) -> (PrivatePostgres, Stage) {
    let database = PrivatePostgres::start(max_connections).await;
    let servers = Servers { postgres: database.url(), ..Servers::shared() };
    let setup = Setup { servers, accounts: ROOM, channels: Channels::Email };
    let stage = Stage::open(setup).await;
    (database, stage)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_pauses_the_workers_and_nothing_goes_out_unrecorded() {
    let (database, stage) = on_a_private_database(100).await;
    let load = stage.load(20);
    load.reaches(30).await;
    database.kill().await;
    // What had its intent on record by then still goes out, and on a busy machine takes a moment.
    let mut sent = stage.corner.inbox.len();
    loop {
        load.goes_on(20).await;
        let now = stage.corner.inbox.len();
        if now == std::mem::replace(&mut sent, now) {
            break;
        }
    }
    load.goes_on(50).await;
    assert_eq!(stage.corner.inbox.len(), sent, "sent without an intent on record");
    database.restart().await;
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "database killed and restarted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_database_pauses_the_workers() {
    let (database, stage) = on_a_private_database(100).await;
    let load = stage.load(8);
    load.reaches(20).await;
    database.freeze(true);
    load.goes_on(100).await;
    database.freeze(false);
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "database frozen").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restarted_again_and_again_is_found_again() {
    let (database, stage) = on_a_private_database(100).await;
    let load = stage.load(20);
    for _ in 0..2 {
        load.goes_on(30).await;
        database.restart().await;
    }
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "database restarted at once, twice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_database_that_break_are_replaced() {
    let stage = Stage::open(Setup::shared(ROOM, Channels::Email)).await;
    let load = stage.load(20);
    for _ in 0..5 {
        load.goes_on(20).await;
        stage.store.reset_all();
    }
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "database connections reset, 5 times").await;
}
