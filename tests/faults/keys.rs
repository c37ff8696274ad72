//! Keys that seal what is at rest, changed while a load runs.

use crate::seen::judge;
use relink_core::Timestamp;
use relink_core::time::earlier;
use relink_sandbox::Listing;
use relink_tests::{Channels, Relink, Setup, Stage, account, eventually};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Accounts for the load; more than it gets to.
const LOAD: usize = 400;

/// Accounts whose event no webhook brings: it is found with their access tokens alone.
const MISSED: usize = 20;

/// One that is registered after the rotation.
const LATER: usize = LOAD + MISSED;

const KIND: &str = "access_token.login_required";

/// The configuration's only key, and the same behind a new one.
const OLD: &str = "[[encryption.keys]]\nid = \"test\"\n";

fn new_in_front() -> String {
    format!("[[encryption.keys]]\nid = \"new\"\nsecret = \"{}\"\n{OLD}", "cd".repeat(32))
}

/// `relink reconcile`, as a program reads it.
async fn reconcile(config: &Path, more: &'static [&'static str]) -> Value {
    let config = config.to_owned();
    eventually("a comparison with Cobalt's list", || {
        let config = config.clone();
        async move {
            let arguments = [&["reconcile", "--output", "json"], more].concat();
            let ran = move || Relink::output(&config, &arguments);
            let output = tokio::task::spawn_blocking(ran).await.unwrap();
            // A worker may have the turn just now.
            serde_json::from_slice(&output.stdout).ok()
        }
    })
    .await
}

/// What is said of a token whose key is not in the configuration, and of one that another key does
/// not open.
const NO_KEY: &str = "add that key to [encryption] keys";
const WRONG_KEY: &str = "the sealed value does not open";

/// Whatever any process said about a sealed value that it could not open.
fn sealed_errors(stage: &Stage) -> Vec<String> {
    let logs = std::fs::read_dir(stage.corner.folder.path()).unwrap();
    let logs = logs.map(|entry| entry.unwrap().path());
    let logs = logs.filter(|path| path.extension().is_some_and(|found| found == "log"));
    let lines = logs.flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines.filter(|line| line.contains(NO_KEY) || line.contains(WRONG_KEY)).collect()
}

/// The accounts that a comparison could not ask about.
fn unasked(report: &Value) -> u64 {
    let count = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{report}"));
    count("accounts_refused") + count("accounts_failed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_in_front_of_the_old_costs_nothing_under_load() {
    let mut stage = Stage::open(Setup::shared(LOAD + MISSED, Channels::Email)).await;
    let by_account =
        Listing { refuses_account_wide: Some(403), lists_broken: true, ..Listing::default() };
    stage.corner.cobalt.list_as(by_account);
    let load = stage.load(5);
    load.reaches(10).await;
    stage.corner.reconfigure(OLD, &new_in_front());
    for role in ["web", "work", "receive"] {
        stage.actor(role).process.ask_to_stop();
        assert_eq!(stage.restart_once_ended(role).await, 0, "{role}");
        load.goes_on(5).await;
    }
    // Tokens that the old key sealed still ask Cobalt.
    let created = earlier(Timestamp::now(), Duration::from_secs(300));
    for number in LOAD..LATER {
        let event = format!("evt-{number}");
        stage.corner.cobalt.list_missed(&event, &account(number), KIND, created);
    }
    let config = stage.corner.config();
    let report = reconcile(&config, &[]).await;
    let count = |key: &str| report[key].as_u64().unwrap();
    assert_eq!((count("found") + count("known"), unasked(&report)), (MISSED as u64, 0), "{report}");
    let ledger = load.stop_after(10).await;
    assert!(ledger.events.len() < LOAD, "the load ran out of accounts");
    eventually("those that no webhook told of to be told", || async {
        let told = |number| {
            let address = format!("user{number}@clinic.example");
            stage.corner.inbox.all().iter().filter(|mail| mail.to == address).count()
        };
        (LOAD..LATER).all(|number| told(number) == 1).then_some(())
    })
    .await;
    let verdict = judge(&stage, &ledger, "a new key in front, every process restarted").await;
    assert_eq!((verdict.duplicated, verdict.doubts), (0, 0));
    assert_eq!(sealed_errors(&stage), [""; 0]);

    // What is sealed from now on needs the new key alone. Once every account was registered again
    // so does everything, and the old key can go.
    let unused = OLD.replace("test", "unused");
    let without_old = stage.corner.variant("without-old", &[(OLD, &unused)]);
    let refused = Relink::output(&without_old, &["reconcile", "--dry-run"]);
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.contains(NO_KEY), "{refused}");
    stage.api().register(&account(LATER), 143).await;
    let report = reconcile(&without_old, &["--dry-run"]).await;
    assert_eq!(report["accounts"], LATER + 1, "{report}");
    assert_eq!(unasked(&report), LATER as u64, "{report}");
    let file = stage.corner.folder.path().join("accounts.jsonl");
    let imported = Relink::output(&config, &["accounts", "import", file.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let report = reconcile(&without_old, &["--dry-run"]).await;
    assert_eq!(unasked(&report), 0, "{report}");
}

/// The spool has one key. Another one must neither lose what waits nor mix with it.
#[tokio::test(flavor = "multi_thread")]
async fn another_spool_key_is_refused_and_the_old_one_has_everything_back() {
    const EVENTS: usize = 20;
    let mut stage = Stage::open(Setup::shared(EVENTS, Channels::Email)).await;
    stage.broker.cut();
    let ledger = stage.load(20).finish().await;
    assert_eq!(ledger.acknowledged().len(), EVENTS);
    let receiver = stage.place("receive");
    stage.processes[receiver].process.kill();
    let other = format!("[receiver]\nspool_key = \"{}\"\n", "cd".repeat(32));
    stage.corner.reconfigure("[receiver]\n", &other);
    let (log, code) = stage.corner.start(&["receive"]).exit_code_and_log();
    assert_eq!(code, Some(74), "{log}");
    assert!(log.contains("was sealed with another key than spool"), "{log}");
    assert!(log.contains("put the key back that wrote it"), "{log}");
    stage.corner.reconfigure(&other, "[receiver]\n");
    stage.broker.heal();
    stage.kill_and_restart(receiver);
    stage.until_running().await;
    let verdict = judge(&stage, &ledger, "another spool key, and the old one again").await;
    assert_eq!((verdict.acknowledged, verdict.duplicated, verdict.doubts), (EVENTS, 0, 0));
}
