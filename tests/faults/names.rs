//! Names that nobody can look up: the broker and the mail server are where they were, and whoever
//! asks where that is waits in vain.

use crate::seen::judge_undisturbed;
use relink_tests::{Channels, Names, Setup, Stage, eventually, isolated, private_servers};

/// More accounts than any of these loads gets to.
const ROOM: usize = 3000;

const BROKER: &str = "broker.example";
const MAIL: &str = "mail.example";

/// The configuration names both servers.
fn name_servers(stage: &Stage) {
    let broker = stage.broker.address;
    let named = format!("@{BROKER}:{}", broker.port());
    stage.corner.reconfigure(&format!("@{broker}"), &named);
    stage.corner.reconfigure("host = \"127.0.0.1\"", &format!("host = \"{MAIL}\""));
}

async fn until_asked_for(names: &Names, name: &str) {
    eventually(&format!("somebody to ask for {name}"), || async {
        names.asked_for(name).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_answers_for_delay_no_answer_and_lose_nothing() {
    isolated(async || {
        let names = Names::install();
        let (_broker, _database, servers) = private_servers().await;
        let setup = Setup { servers, accounts: ROOM, channels: Channels::Email };
        let stage = Stage::dark(setup).await;
        name_servers(&stage);

        names.know(&[BROKER]);
        let stage = stage.start().await;
        let load = stage.load(8);
        until_asked_for(&names, MAIL).await;
        assert!(!names.asked_for(BROKER), "it was known");
        names.know(&[]);
        stage.broker.reset_all();
        until_asked_for(&names, BROKER).await;
        load.goes_on(100).await;
        names.know(&[BROKER, MAIL]);
        let ledger = load.stop_after(30).await;
        judge_undisturbed(&stage, &ledger, "name service silent").await;
    })
    .await;
}
