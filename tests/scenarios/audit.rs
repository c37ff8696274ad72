//! An audit beside running processes: green after the main job, red and to the point once a row
//! has been tampered with; and a dead notification that is replayed once, on record.

use relink_tests::{Api, Corner, Engines, ONE_STEP, Relink, Sender, eventually, login_required};
use serde_json::Value;

/// Exit code, standard output, standard error.
fn relink(corner: &Corner, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Relink::output(&corner.config(), arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn json(corner: &Corner) -> (Option<i32>, Value) {
    let (code, said, error) = relink(corner, &["audit", "--output", "json"]);
    (code, serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{error}")))
}

fn result(report: &Value, id: &str) -> String {
    let lines = report["invariants"].as_array().unwrap();
    let line = lines.iter().find(|line| line["id"] == id).unwrap();
    line["result"].as_str().unwrap().to_owned()
}

async fn sent(corner: &Corner, engines: Engines) -> Vec<Relink> {
    let processes = corner.deploy(engines);
    let api = Api::new(corner);
    api.register("clinic_1", 143).await;
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    let event = login_required("evt-1", "clinic_1");
    sender.until_accepted(&event).await;
    corner.inbox.wait_for(1).await;
    eventually("the outcome", || async {
        let attempts = api.attempts().await;
        attempts.iter().all(|attempt| attempt["outcome"] == "accepted").then_some(())
    })
    .await;
    processes
}

async fn green_then_tampered_with(engines: Engines) {
    let corner = Corner::new(engines, ONE_STEP).await;
    let _processes = sent(&corner, engines).await;

    let (code, said, error) = relink(&corner, &["audit"]);
    assert_eq!(code, Some(0), "{said}{error}");
    let (code, report) = json(&corner);
    assert_eq!(code, Some(0), "{report}");
    for id in ["I1", "I3", "I4", "I6", "I7", "I10", "I11"] {
        assert_eq!(result(&report, id), "ok", "{report}");
    }
    let sizes = match engines {
        Engines::Embedded => "ok",
        Engines::Servers => "not_checked",
    };
    assert_eq!(result(&report, "I9"), sizes, "{report}");
    assert_eq!(result(&report, "I2"), "elsewhere");
    assert_eq!(
        (report["counts"]["applied"].clone(), report["counts"]["dead_letters"].clone()),
        (1.into(), 0.into())
    );

    corner.sql("UPDATE notifications SET attempts = 2").await;
    let (code, said, error) = relink(&corner, &["audit"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(error.contains("does not hold: I6"), "{error}");
    assert!(said.contains("numbers: 1, such as"), "{said}");
    assert!(!said.contains("clinic.example"), "{said}");
}

async fn a_dead_one_is_replayed_once_and_on_record(engines: Engines) {
    let corner = Corner::new(engines, ONE_STEP).await;
    let _processes = sent(&corner, engines).await;
    // As after two doubts.
    corner
        .sql(
            "INSERT INTO non_sends (case_id, notification_id, at, decision, reason)
             SELECT case_id, notification_id, 9000000000000, 'dead', 'in_doubt' FROM notifications;
             UPDATE notifications SET state = 'dead', reason = 'in_doubt'",
        )
        .await;
    let (_, listed, _) = relink(&corner, &["dead", "list", "--output", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap().to_owned();
    let (code, said, _) = relink(&corner, &["dead", "replay", "--all", "--dry-run"]);
    assert!(code == Some(0) && said.contains(&format!("would replay notification {id}")), "{said}");

    let (code, said, error) = relink(&corner, &["dead", "replay", &id]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("operator log: 1:"), "{said}");
    let (code, _, error) = relink(&corner, &["dead", "replay", &id]);
    assert!(code == Some(1) && error.contains("replayed before"), "{error}");
    corner.inbox.wait_for(2).await;
    let api = Api::new(&corner);
    eventually("the replay's outcome", || async {
        let attempts = api.attempts().await;
        let accepted = attempts.iter().all(|attempt| attempt["outcome"] == "accepted");
        (accepted && attempts.len() == 2).then_some(())
    })
    .await;
    assert_eq!(corner.inbox.all().len(), 2, "one message for one replay");

    let (code, report) = json(&corner);
    assert_eq!(code, Some(0), "{report}");
    let head = &report["operator_log"];
    assert_eq!(head["sequence"], 1);
    let head = format!("1:{}", head["hash"].as_str().unwrap());
    assert_eq!(relink(&corner, &["audit", "--head", &head]).0, Some(0));
    let other = format!("1:{}", "ab".repeat(32));
    let (code, said, _) = relink(&corner, &["audit", "--head", &other]);
    assert!(code == Some(1) && said.contains("is not in it"), "{said}");
}

#[tokio::test]
async fn an_audit_is_green_until_a_row_is_tampered_with_embedded() {
    green_then_tampered_with(Engines::Embedded).await;
}

#[tokio::test]
async fn an_audit_is_green_until_a_row_is_tampered_with_on_servers() {
    green_then_tampered_with(Engines::Servers).await;
}

#[tokio::test]
async fn a_replay_is_one_message_and_one_entry_embedded() {
    a_dead_one_is_replayed_once_and_on_record(Engines::Embedded).await;
}

#[tokio::test]
async fn a_replay_is_one_message_and_one_entry_on_servers() {
    a_dead_one_is_replayed_once_and_on_record(Engines::Servers).await;
}

#[tokio::test]
async fn a_part_that_cannot_be_read_is_69_and_the_rest_is_shown() {
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    let mut text = std::fs::read_to_string(corner.config()).unwrap();
    text.push_str(
        "\n[store]\nurl = \"postgres://nobody@127.0.0.1:1/none\"\ntls = \"disable\"\n[[encryption.keys]]\nid = \"k\"\nsecret = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n",
    );
    std::fs::write(corner.config(), text).unwrap();
    let (code, report) = json(&corner);
    assert_eq!(code, Some(69), "{report}");
    assert_eq!(result(&report, "I1"), "not_checked");
    assert_eq!(result(&report, "I9"), "ok");
}
