//! Webhooks that never came: an hour of them is found in Cobalt's list, each event once, one
//! message each; with webhooks beside it nobody is told twice.

use relink_core::Timestamp;
use relink_core::time::earlier;
use relink_sandbox::{Listing, PretendCobalt};
use relink_tests::{
    Api, Corner, Engines, ONE_STEP, Relink, Sender, WEBHOOK_SECRET, eventually, login_required,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const KIND: &str = "access_token.login_required";

/// An hour of events: three pages.
const MISSED: usize = 250;

/// Takes the webhook secret out of the configuration.
fn pull_only(corner: &Corner) {
    let text = std::fs::read_to_string(corner.config()).unwrap();
    let secret =
        format!("[[cobalt.webhook_secrets]]\nid = \"current\"\nsecret = \"{WEBHOOK_SECRET}\"\n");
    assert!(text.contains(&secret));
    std::fs::write(corner.config(), text.replace(&secret, "")).unwrap();
}

/// Leaves comparing to the command.
fn never_by_itself(corner: &Corner) {
    let text = std::fs::read_to_string(corner.config()).unwrap();
    let text = text.replace("[cobalt]\n", "[cobalt]\nreconcile_every = \"0s\"\n");
    std::fs::write(corner.config(), text).unwrap();
}

/// Registers `account-0`, … here and at Cobalt.
fn register(corner: &Corner, accounts: usize) {
    let line = |n: usize| {
        format!(
            "{{\"account_ref\":\"account-{n}\",\"user_id\":\"u{n}\",\"org_id\":\"o\",\"access_token\":\"t{n}\",\"contacts\":[{{\"id\":\"user\",\"role\":\"user\",\"email\":\"user{n}@clinic.example\"}}]}}\n"
        )
    };
    let file = corner.folder.path().join("accounts.jsonl");
    std::fs::write(&file, (0..accounts).map(line).collect::<String>()).unwrap();
    relink(corner, &["migrate"]);
    relink(corner, &["accounts", "import", file.to_str().unwrap()]);
    (0..accounts).for_each(|n| corner.broken_at_cobalt(&format!("account-{n}"), &format!("t{n}")));
}

/// Lists one event for each account, spread over the hour before the last five minutes.
fn miss(cobalt: &PretendCobalt, accounts: usize) {
    let ended = earlier(Timestamp::now(), Duration::from_secs(300));
    for n in 0..accounts {
        let left = u64::try_from(3_600 * (accounts - n) / accounts).unwrap();
        let created = earlier(ended, Duration::from_secs(left));
        cobalt.list_missed(&format!("evt-{n}"), &format!("account-{n}"), KIND, created);
    }
}

/// Runs a command that must succeed; its standard output.
fn relink(corner: &Corner, arguments: &[&str]) -> String {
    let output = Relink::output(&corner.config(), arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn reconcile(corner: &Corner, more: &[&str]) -> Value {
    let arguments = [&["reconcile", "--output", "json"], more].concat();
    serde_json::from_str(&relink(corner, &arguments)).unwrap()
}

/// Messages by recipient, once there are `expected` of them and every attempt has ended.
async fn messages(corner: &Corner, api: &Api, expected: usize) -> BTreeMap<String, usize> {
    eventually("every message and the end of every attempt", || async {
        let attempts = api.attempts().await;
        let ended = attempts.iter().all(|attempt| !attempt["finished_at"].is_null());
        (attempts.len() >= expected && ended).then_some(())
    })
    .await;
    let mut told = BTreeMap::new();
    for caught in corner.inbox.all() {
        *told.entry(caught.to).or_default() += 1;
    }
    told
}

async fn an_hour_of_missed_webhooks(engines: Engines, roles: &[&str], listing: Listing) {
    let corner = Corner::new(engines, ONE_STEP).await;
    pull_only(&corner);
    register(&corner, MISSED);
    corner.cobalt.list_as(listing);
    miss(&corner.cobalt, MISSED);
    let processes: Vec<Relink> = roles.iter().map(|role| corner.start(&[role])).collect();

    // Nobody asks for it: the first round comes with the start.
    let api = Api::new(&corner);
    let told = messages(&corner, &api, MISSED).await;
    let cases = api.cases().await;
    let once = told.values().filter(|times| **times == 1).count();
    let again = reconcile(&corner, &[]);
    println!(
        "{engines:?}: missed {MISSED}, cases {}, told once {once}, told more often {}, second run found {}",
        cases.len(),
        told.len() - once,
        again["found"],
    );
    assert_eq!((cases.len(), told.len(), once), (MISSED, MISSED, MISSED));
    assert!(cases.iter().all(|case| case["signals"] == 1));
    assert_eq!((&again["found"], &again["known"]), (&Value::from(0), &Value::from(MISSED)));
    assert_eq!(corner.inbox.all().len(), MISSED);
    for process in processes {
        assert_eq!(process.stop(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_missed_webhooks_is_made_up_for_by_one_process() {
    let newer = Listing { newer: true, urls: 2, ..Listing::default() };
    an_hour_of_missed_webhooks(Engines::Embedded, &["run"], newer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_missed_webhooks_is_made_up_for_by_workers_account_by_account() {
    // Nobody says whether Cobalt lists events for a login that is broken. Where it does not, they are
    // found once it works again, and then nobody is to be told.
    let listing =
        Listing { refuses_account_wide: Some(403), lists_broken: true, ..Listing::default() };
    an_hour_of_missed_webhooks(Engines::Servers, &["work", "work", "web"], listing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_webhooks_before_and_after_nobody_is_told_twice() {
    const EVENTS: usize = 120;
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    // Only when it is told to, so that each count is of one comparison.
    never_by_itself(&corner);
    register(&corner, EVENTS);
    let process = corner.start(&["run"]);
    let api = Api::new(&corner);
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    let post = |n: usize| {
        let event = login_required(&format!("evt-{n}"), &format!("account-{n}"));
        let sender = &sender;
        async move { sender.until_accepted(&event).await }
    };
    for n in 0..EVENTS / 4 {
        post(n).await;
    }
    messages(&corner, &api, EVENTS / 4).await;

    miss(&corner.cobalt, EVENTS);
    let counted = reconcile(&corner, &["--since", "2d", "--dry-run"]);
    assert_eq!(counted["found"], EVENTS - EVENTS / 4);
    assert_eq!(api.cases().await.len(), EVENTS / 4);
    let found = reconcile(&corner, &["--since", "2d"]);
    let (known, found) = (found["known"].clone(), found["found"].clone());

    for n in EVENTS / 4..EVENTS / 2 {
        post(n).await;
    }
    // They are applied once the queue is empty again; a case would show by then.
    eventually("the late webhooks to be applied", || async {
        let log = process.log();
        (log.matches(r#""result":"duplicate""#).count() >= EVENTS / 4).then_some(())
    })
    .await;
    let told = messages(&corner, &api, EVENTS).await;
    let again = reconcile(&corner, &[]);
    println!(
        "events {EVENTS}, posted before {}, found {found}, posted after {}, told {}, messages {}, second run found {}",
        EVENTS / 4,
        EVENTS / 4,
        told.len(),
        told.values().sum::<usize>(),
        again["found"],
    );
    assert_eq!((known, found), (Value::from(EVENTS / 4), Value::from(EVENTS - EVENTS / 4)));
    assert_eq!((told.len(), told.values().sum::<usize>()), (EVENTS, EVENTS));
    assert_eq!(api.cases().await.len(), EVENTS);
    assert_eq!(again["found"], 0);
    assert_eq!(process.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_breaks_off_is_69_and_the_next_run_goes_on() {
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    register(&corner, MISSED);
    miss(&corner.cobalt, MISSED);
    corner.cobalt.list_as(Listing { failing_page: Some((3, 502)), ..Listing::default() });
    let output = Relink::output(&corner.config(), &["reconcile"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{error}");
    assert!(error.contains("list of events") && error.contains("502"), "{error}");
    assert!(!error.contains("cs_test") && !error.contains('\u{1b}'), "{error}");

    corner.cobalt.list_as(Listing::default());
    let rest = reconcile(&corner, &[]);
    assert_eq!((&rest["known"], &rest["found"]), (&Value::from(200), &Value::from(50)));
    let text = relink(&corner, &["reconcile"]);
    assert!(text.contains("250  on record already"), "{text}");
    assert!(text.contains("0  missed, applied now"), "{text}");
    let code = |arguments: &[&str]| Relink::output(&corner.config(), arguments).status.code();
    assert_eq!(code(&["reconcile", "--since", "yesterday"]), Some(2));
}

#[tokio::test]
async fn without_webhooks_one_process_can_start_and_a_receiver_cannot() {
    let corner = Corner::new(Engines::Servers, ONE_STEP).await;
    pull_only(&corner);
    let check = relink(&corner, &["check"]);
    for said in ["relink run: can start", "relink work: can start", "only by asking Cobalt"] {
        assert!(check.contains(said), "{check}");
    }
    let output = Relink::output(&corner.config(), &["receive"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cobalt.webhook_secrets"));

    never_by_itself(&corner);
    for command in [&["run"][..], &["work", "--only", "reconcile"]] {
        let output = Relink::output(&corner.config(), command);
        assert_eq!(output.status.code(), Some(64), "{command:?}");
    }
}
