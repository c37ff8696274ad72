//! The main job: one documented webhook becomes one email and one text message, whatever is
//! posted again; a repair silences what is still planned.

use relink_core::account::Channel;
use relink_http::Method;
use relink_tests::{Api, Corner, Engines, Sender, eventually, login_required};
use serde_json::Value;

const TWO_STEPS: &str = r#"
[policy]
settle = "0s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email", "sms"]
[[policy.steps]]
id = "nudge"
at = "1s"
to = "user"
channels = ["sms", "email"]
"#;

const A_DAY_APART: &str = r#"
[policy]
settle = "0s"
"#;

async fn one_webhook(engines: Engines) {
    let corner = Corner::new(engines, TWO_STEPS).await;
    let processes = corner.deploy(engines);
    let api = Api::new(&corner);
    api.register("clinic_1", 143).await;
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    let event = login_required("550e8400-e29b-41d4-a716-446655440030", "clinic_1");
    sender.until_accepted(&event).await;

    let caught = corner.inbox.wait_for(2).await;
    let channels: Vec<Channel> = caught.iter().map(|caught| caught.channel).collect();
    assert_eq!(channels, [Channel::Email, Channel::Sms]);
    assert_eq!(caught[0].to, "user143@clinic.example");
    assert_eq!(caught[1].to, "+12025550143");
    for message in &caught {
        let link = message.link().expect("a link");
        assert!(link.starts_with("https://relink.example.org/r/"), "{link}");
        for private in ["FIXTURE", "your-emr-instance", "password_expired", "canary", "clinic_1"] {
            assert!(!message.text.contains(private), "{private} in {}", message.text);
        }
    }
    assert_ne!(caught[0].link(), caught[1].link());

    // Again, and again pretty-printed but signed as before: nothing more.
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<Value>(&event).unwrap()).unwrap();
    assert_eq!(sender.post(&event).await, Some(202));
    let answer = sender.post_as(&pretty, &event).await.unwrap();
    assert_eq!(answer.status.as_u16(), 202);
    // A marker that comes after them in every queue: once it is through, so are they.
    api.register("marker", 999).await;
    assert_eq!(sender.post(&login_required("marker", "marker")).await, Some(202));
    let caught = corner.inbox.wait_for(4).await;
    assert_eq!(caught.iter().filter(|caught| caught.to.contains("143")).count(), 2);

    let cases = api.cases().await;
    let case = cases.iter().find(|case| case["account_ref"] == "clinic_1").unwrap();
    assert_eq!((case["signals"].clone(), cases.len()), (1.into(), 2));
    // A provider has a message before its outcome is recorded.
    let attempts = eventually("the end of every attempt", || async {
        let attempts = api.attempts().await;
        attempts.iter().all(|attempt| !attempt["finished_at"].is_null()).then_some(attempts)
    })
    .await;
    assert_eq!(attempts.len(), 4);
    for attempt in &attempts {
        assert_eq!(attempt["outcome"], "accepted", "{attempt}");
        assert!(attempt["address"].as_str().unwrap().contains("***"));
    }
    for process in processes {
        let log = process.log();
        for secret in ["canary-token", "user143@clinic", "+12025550143", "FIXTURE", "/r/"] {
            assert!(!log.contains(secret), "{secret} was logged");
        }
        assert_eq!(process.stop(), Some(0));
    }
}

#[tokio::test]
async fn one_webhook_one_email_one_text_embedded() {
    one_webhook(Engines::Embedded).await;
}

#[tokio::test]
async fn one_webhook_one_email_one_text_on_three_processes() {
    one_webhook(Engines::Servers).await;
}

#[tokio::test]
async fn a_repair_silences_what_is_planned_and_an_unknown_account_waits_for_its_registration() {
    let corner = Corner::new(Engines::Embedded, A_DAY_APART).await;
    let _process = corner.start(&["run"]);
    let api = Api::new(&corner);
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    let event = login_required("evt-1", "clinic_1");
    sender.until_accepted(&event).await;
    let held = eventually("a held case", || async {
        let (_, page) = api.call(Method::GET, "/v1/cases?open=true", None).await?;
        page["cases"].get(0).cloned()
    })
    .await;
    assert_eq!(held["hold"], "no_account");
    assert!(corner.inbox.is_empty());

    api.register("clinic_1", 143).await;
    let caught = corner.inbox.wait_for(1).await;
    assert_eq!(caught[0].channel, Channel::Email);

    let path = "/v1/accounts/clinic_1/relinked";
    let (status, closed) = api.call(Method::POST, path, None).await.unwrap();
    assert_eq!((status, &closed["closed_case"]), (200, &held["id"]));
    let path = format!("/v1/cases/{}", held["id"].as_str().unwrap());
    eventually("the first to be sent and the second cancelled", || async {
        let (_, case) = api.call(Method::GET, &path, None).await?;
        let notifications = case["notifications"].as_array()?.iter();
        let states: Vec<&str> =
            notifications.filter_map(|notification| notification["state"].as_str()).collect();
        (states == ["sent", "cancelled"]).then_some(())
    })
    .await;
    assert_eq!(corner.inbox.all().len(), 1);
}
