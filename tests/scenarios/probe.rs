//! Cobalt tells nobody of a repair, so it is asked before every message: a login that was mended
//! elsewhere silences what is planned, and while Cobalt cannot be asked the message waits.

use relink_http::Method;
use relink_sandbox::ApiFault;
use relink_tests::{Api, Corner, Engines, ONE_STEP, Proxy, Relink, eventually};
use serde_json::{Value, json};

/// A first message at once, and a reminder that leaves time for a repair in between.
const WITH_A_REMINDER: &str = r#"
[policy]
settle = "0s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email"]
[[policy.steps]]
id = "nudge"
at = "8s"
to = "user"
channels = ["sms", "email"]
"#;

/// Nothing that asks Cobalt of its own accord.
fn only_before_sends(corner: &Corner) {
    corner.reconfigure("[cobalt]\n", "[cobalt]\nreconcile_every = \"0s\"\n");
}

async fn case_of(api: &Api, account: &str) -> Option<Value> {
    let path = format!("/v1/cases?account_ref={account}");
    let (_, page) = api.call(Method::GET, &path, None).await?;
    let id = page["cases"].get(0)?["id"].as_str()?.to_owned();
    let (status, case) = api.call(Method::GET, &format!("/v1/cases/{id}"), None).await?;
    (status == 200).then_some(case)
}

/// Time passes for everything that is put off.
async fn time_passes(corner: &Corner) {
    corner
        .sql(
            "UPDATE notifications SET due_at = due_at - 600000, wake_at = due_at - 600000 \
             WHERE reason = 'health_unknown'",
        )
        .await;
}

/// One metric of the process that sends.
async fn metric(worker: &Relink, line: &str) -> Option<String> {
    let (_, metrics) = worker.admin("/metrics").await?;
    metrics.lines().find_map(|shown| Some(shown.strip_prefix(line)?.trim().to_owned()))
}

async fn a_repair_elsewhere(engines: Engines) {
    let corner = Corner::new(engines, WITH_A_REMINDER).await;
    let processes = corner.deploy(engines);
    let worker = processes.last().unwrap();
    let api = Api::new(&corner);
    api.register("clinic_1", 1).await;
    corner.breaks("clinic_1").await;
    corner.inbox.wait_for(1).await;
    corner.cobalt.repair_login("clinic_1");

    let case = eventually("the repair to be noticed", || async {
        let case = case_of(&api, "clinic_1").await?;
        (case["case"]["close_reason"] == "repaired").then_some(case)
    })
    .await;
    let states: Vec<&str> = case["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["sent", "cancelled"], "{case}");
    // A marker that comes after whatever may still be on its way.
    api.register("marker", 999).await;
    corner.breaks("marker").await;
    let caught = corner.inbox.wait_for(2).await;
    assert_eq!(caught[1].to, "user999@clinic.example");
    for (line, count) in [
        (r#"relink_probes_total{when="before_send",result="healthy"}"#, "1"),
        (r#"relink_probes_total{when="before_send",result="login_required"}"#, "2"),
        ("relink_sends_after_repair_total", "0"),
    ] {
        assert_eq!(metric(worker, line).await.as_deref(), Some(count), "{line}");
    }
    for process in processes {
        assert_eq!(process.stop(), Some(0));
    }
}

#[tokio::test]
async fn a_repair_elsewhere_is_noticed_before_the_reminder_embedded() {
    a_repair_elsewhere(Engines::Embedded).await;
}

#[tokio::test]
async fn a_repair_elsewhere_is_noticed_before_the_reminder_on_three_processes() {
    a_repair_elsewhere(Engines::Servers).await;
}

#[tokio::test]
async fn while_cobalt_is_down_messages_wait_and_then_reach_whoever_still_needs_them() {
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    only_before_sends(&corner);
    let wire = Proxy::start(corner.cobalt.address).await;
    corner.reconfigure(&corner.cobalt.address.to_string(), &wire.address.to_string());
    wire.cut();
    let process = corner.start(&["run"]);
    let api = Api::new(&corner);
    for (number, account) in ["mended", "broken"].into_iter().enumerate() {
        api.register(account, number).await;
        corner.breaks(account).await;
        let case = eventually("the message to be put off", || async {
            let case = case_of(&api, account).await?;
            (case["notifications"][0]["reason"] == "health_unknown").then_some(case)
        })
        .await;
        assert_eq!(case["attempts"], json!([]), "{case}");
        let said = &case["non_sends"][0];
        assert_eq!(
            (&said["decision"], &said["reason"]),
            (&json!("deferred"), &json!("health_unknown"))
        );
    }
    assert!(corner.inbox.is_empty());

    corner.cobalt.repair_login("mended");
    wire.heal();
    time_passes(&corner).await;
    let caught = corner.inbox.wait_for(1).await;
    assert_eq!(caught[0].to, "user1@clinic.example");
    let mended = eventually("the repair to be noticed", || async {
        let case = case_of(&api, "mended").await?;
        (case["case"]["close_reason"] == "repaired").then_some(case)
    })
    .await;
    assert_eq!(mended["attempts"], json!([]), "{mended}");
    assert_eq!(mended["notifications"][0]["state"], "cancelled");
    assert_eq!(corner.inbox.len(), 1);
    assert_eq!(process.stop(), Some(0));
}

#[tokio::test]
async fn whatever_cobalt_answers_ends_as_documented() {
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    only_before_sends(&corner);
    let process = corner.start(&["run"]);
    let api = Api::new(&corner);
    for (number, fault) in [
        ApiFault::Status(401),
        ApiFault::Status(403),
        ApiFault::Status(404),
        ApiFault::Status(429),
        ApiFault::Status(500),
        ApiFault::Garbage,
    ]
    .into_iter()
    .enumerate()
    {
        let account = format!("clinic_{number}");
        corner.broken_at_cobalt(&account, &account);
        // With a zone, so that nobody asks Cobalt for one.
        let body = json!({
            "user_id": "u", "org_id": "o", "access_token": account,
            "contacts": [{
                "id": "user", "role": "user", "email": format!("user{number}@clinic.example"),
                "time_zone": "America/New_York",
            }],
        });
        eventually("the account to be registered", || async {
            let path = format!("/v1/accounts/{account}");
            let (status, _) = api.call(Method::PUT, &path, Some(&body)).await?;
            (status == 201).then_some(())
        })
        .await;
        corner.cobalt.api.push(fault);
        corner.breaks(&account).await;
        eventually("the message to be put off", || async {
            let case = case_of(&api, &account).await?;
            (case["notifications"][0]["reason"] == "health_unknown").then_some(())
        })
        .await;
        assert_eq!(corner.inbox.len(), number, "{fault:?}");
        time_passes(&corner).await;
        corner.inbox.wait_for(number + 1).await;
    }
    let unknown = metric(&process, r#"relink_probes_total{when="before_send",result="unknown"}"#);
    assert_eq!(unknown.await.as_deref(), Some("6"));
    assert_eq!(process.stop(), Some(0));
}
