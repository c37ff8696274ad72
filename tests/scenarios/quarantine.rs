//! A wrong webhook secret in the configuration: every event is refused, and none of them is lost
//! once the secret is put right.

use relink_core::Timestamp;
use relink_http::Method;
use relink_tests::{
    Api, Corner, Engines, ONE_STEP, Relink, Sender, WEBHOOK_SECRET, eventually, login_required,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

const EVENTS: usize = 20;

/// Exit code, standard output, standard error.
fn relink(corner: &Corner, arguments: &[&str]) -> (i32, String, String) {
    let output = Relink::output(&corner.config(), &[&["quarantine"], arguments].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// What a command prints for programs.
fn rows(corner: &Corner, arguments: &[&str]) -> Vec<Value> {
    let (code, said, error) = relink(corner, &[arguments, &["--output", "json"]].concat());
    assert_eq!(code, 0, "{error}");
    serde_json::from_str(&said).unwrap()
}

fn count(rows: &[Value], key: &str, value: &str) -> usize {
    rows.iter().filter(|row| row[key] == value).count()
}

fn files(corner: &Corner) -> Vec<PathBuf> {
    let files = std::fs::read_dir(corner.folder.path().join("data/quarantine")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

fn set_secret(corner: &Corner, from: &str, to: &str) {
    let text = std::fs::read_to_string(corner.config()).unwrap();
    assert!(text.contains(from));
    std::fs::write(corner.config(), text.replace(from, to)).unwrap();
}

async fn start(corner: &Corner) -> Relink {
    let process = corner.start(&["run"]);
    eventually("it to run", || async { process.is_running().then_some(()) }).await;
    process
}

fn event(number: usize) -> String {
    login_required(&format!("evt-{number}"), &format!("account-{number}"))
}

/// Everything is refused under the wrong secret and kept, and nothing of it can be read.
async fn refused_and_kept(corner: &Corner) {
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    for number in 1..EVENTS {
        assert_eq!(sender.post(&event(number)).await, Some(401));
    }
    // One that only its header names.
    let nameless = event(0).replace("\"id\":\"evt-0\",", "");
    assert_eq!(sender.naming("evt-0").post(&nameless).await, Some(401));
    eventually("all to be kept", || async { (files(corner).len() == EVENTS).then_some(()) }).await;
    let listed = rows(corner, &["list"]);
    for number in 0..EVENTS {
        assert_eq!(count(&listed, "event_id", &format!("evt-{number}")), 1);
    }
    assert_eq!(count(&listed, "kind", "login_required"), EVENTS);
    for file in files(corner) {
        let bytes = std::fs::read(&file).unwrap();
        for part in ["evt-", "account-", "FIXTURE", "login_required", "emr"] {
            let found = bytes.windows(part.len()).any(|window| window == part.as_bytes());
            assert!(!found, "{part} in {}", file.display());
        }
    }
    let (code, said, _) = relink(corner, &["verify"]);
    assert_eq!(code, 0);
    assert!(said.contains("0 of 20 would verify now"), "{said}");
    let left = rows(corner, &["redrive", "--all"]);
    assert_eq!(count(&left, "result", "left: verifies with no secret"), EVENTS);
}

/// Whatever stands in the way, nothing is removed before the receiver has it.
async fn kept_until_accepted(corner: &Corner, old: Relink) -> Relink {
    let (code, _, error) = relink(corner, &["redrive", "--all"]);
    assert_eq!(code, 1);
    assert!(error.contains("restart it"), "{error}");
    assert_eq!(old.stop(), Some(0));
    let (code, _, error) = relink(corner, &["redrive", "--all"]);
    assert_eq!(code, 69, "{error}");
    let process = start(corner).await;
    let verified = rows(corner, &["verify"]);
    assert_eq!(count(&verified, "verifies_with", "current"), EVENTS);
    let dry = rows(corner, &["redrive", "--all", "--dry-run"]);
    assert_eq!(count(&dry, "result", "would be sent"), EVENTS);
    let (code, _, error) = relink(corner, &["redrive", "nothing"]);
    assert_eq!(code, 1);
    assert!(error.contains("nothing in the quarantine is called nothing"), "{error}");
    assert_eq!(relink(corner, &["redrive"]).0, 2);
    assert_eq!(files(corner).len(), EVENTS);
    process
}

/// What is sent in again keeps its name and the moment in which it first came.
async fn as_they_came(api: &Api, before: Timestamp) {
    let mut names = BTreeSet::new();
    for case in api.cases().await {
        let path = format!("/v1/cases/{}", case["id"].as_str().unwrap());
        let (_, case) = api.call(Method::GET, &path, None).await.unwrap();
        let signal = &case["signals"][0];
        let received_at: Timestamp = signal["received_at"].as_str().unwrap().parse().unwrap();
        assert!(received_at < before, "{signal}");
        names.insert(signal["event_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(names, (0..EVENTS).map(|number| format!("evt-{number}")).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_loses_nothing_once_it_is_put_right() {
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    let (code, said, _) = relink(&corner, &["list"]);
    assert_eq!((code, said.trim()), (0, "none"));
    assert!(!corner.folder.path().join("data").exists(), "looking made something");
    set_secret(&corner, WEBHOOK_SECRET, "a wrong secret");
    let process = start(&corner).await;
    let api = Api::new(&corner);
    for number in 0..=EVENTS {
        api.register(&format!("account-{number}"), number).await;
    }
    refused_and_kept(&corner).await;
    let refused = Timestamp::now();
    set_secret(&corner, "a wrong secret", WEBHOOK_SECRET);
    let _process = kept_until_accepted(&corner, process).await;

    let mut kept = files(&corner);
    let (again, damaged) = (kept.remove(0), kept.remove(0));
    let saved = (std::fs::read(&again).unwrap(), std::fs::read(&damaged).unwrap());
    let first = rows(&corner, &["list"])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(count(&rows(&corner, &["redrive", &first]), "result", "accepted"), 1);
    let rest = rows(&corner, &["redrive", "--all"]);
    assert_eq!(count(&rest, "result", "accepted"), EVENTS - 1);
    assert_eq!(rows(&corner, &["redrive", "--all"]), Vec::<Value>::new());
    assert_eq!(relink(&corner, &["list"]).1.trim(), "none");
    eventually("a message for each", || async {
        (corner.inbox.all().len() == EVENTS).then_some(())
    })
    .await;

    as_they_came(&api, refused).await;

    // One that came back changes nothing, and a damaged one harms nobody.
    std::fs::write(&again, saved.0).unwrap();
    let mut bytes = saved.1;
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let redriven = rows(&corner, &["redrive", "--all"]);
    assert_eq!(count(&redriven, "result", "accepted"), 1);
    assert_eq!(count(&redriven, "result", "left: cannot be read"), 1);
    let left = rows(&corner, &["list"]);
    assert!(left[0]["fault"].as_str().unwrap().contains("does not open"), "{left:?}");
    assert_eq!(relink(&corner, &["redrive", left[0]["id"].as_str().unwrap()]).0, 1);

    // Signals are applied in order here: with this one's message the repeat has had its chance.
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    assert_eq!(sender.post(&event(EVENTS)).await, Some(202));
    eventually("the last message", || async { (corner.inbox.all().len() > EVENTS).then_some(()) })
        .await;
    let mut told: Vec<String> = corner.inbox.all().into_iter().map(|caught| caught.to).collect();
    told.sort();
    told.dedup();
    assert_eq!((told.len(), corner.inbox.all().len()), (EVENTS + 1, EVENTS + 1));
    assert_eq!(api.cases().await.len(), EVENTS + 1);
}
