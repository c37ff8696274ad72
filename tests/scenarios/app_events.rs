//! The customer's app is told what happens to its cases, by real processes: an account breaks, its
//! person is told, the app says that it works again, and the app has heard of all three; by webhook
//! and, where there is a broker, on the exchange.

use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use relink_http::Method;
use relink_tests::{
    APP_SECRET, Api, App, Channels, Corner, Engines, Relink, Reply, Sender, Setup, Stage,
    eventually, login_required,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const ONE_STEP_AT_ONCE: &str = r#"
[policy]
settle = "0s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email"]
"#;

const LIFE: [&str; 3] = ["relink.case.opened", "relink.case.notified", "relink.case.repaired"];

fn webhook(app: &App) -> String {
    format!(
        "[[app.webhooks]]\nid = \"app\"\nurl = \"{}\"\nsecrets = [\"{APP_SECRET}\"]\n",
        app.url()
    )
}

fn kinds(app: &App) -> BTreeSet<String> {
    app.heard().into_iter().map(|heard| heard.kind).collect()
}

async fn told_of_a_whole_life(engines: Engines) {
    let app = App::start().await;
    let policy = format!("{ONE_STEP_AT_ONCE}{}", webhook(&app));
    let corner = Corner::new(engines, &policy).await;
    let _processes = corner.deploy(engines);
    let api = Api::new(&corner);
    api.register("clinic_1", 143).await;
    app.say(&[Reply::Status(503)]);
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    sender.until_accepted(&login_required("evt-1", "clinic_1")).await;
    corner.inbox.wait_for(1).await;
    eventually("the app to hear of the message", || async {
        kinds(&app).contains("relink.case.notified").then_some(())
    })
    .await;
    let (status, _) = api.call(Method::POST, "/v1/accounts/clinic_1/relinked", None).await.unwrap();
    assert_eq!(status, 200);
    eventually("the app to hear of all three, one of them twice", || async {
        (kinds(&app).len() == 3 && app.heard().len() == 4).then_some(())
    })
    .await;
    let heard = app.heard();
    assert_eq!(kinds(&app), BTreeSet::from(LIFE.map(str::to_owned)));
    let ids: BTreeSet<&str> = heard.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), 3, "what was not taken came again under its id");
    for one in &heard {
        assert!(one.body.contains(r#""account_ref":"clinic_1""#), "{}", one.body);
        assert!(one.body.contains(r#""user_id":"user-143""#), "{}", one.body);
        for private in ["user143@", "Dr. Roe", "canary", "emr", "/r/", "2025550143"] {
            assert!(!one.body.contains(private), "{private} in {}", one.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_hears_of_a_whole_life_from_one_process() {
    told_of_a_whole_life(Engines::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_hears_of_a_whole_life_from_processes_of_their_own() {
    told_of_a_whole_life(Engines::Servers).await;
}

/// Ends between the app's answer and its record.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_before_it_records_an_answer_tells_again_under_the_same_id() {
    let app = App::start().await;
    let stage = Stage::dark(Setup::shared(1, Channels::Email)).await;
    let text = std::fs::read_to_string(stage.corner.config()).unwrap();
    std::fs::write(stage.corner.config(), text + &webhook(&app)).unwrap();
    let armed = ("RELINK_FAIL_POINTS".to_owned(), "after_tell=abort".to_owned());
    let mut stage = stage.started("work", &[armed]).await;
    stage.load(20).finish().await;
    // What `abort` ends with, as a shell says it.
    assert_eq!(stage.restart_once_ended("work").await, 134);
    eventually("the person to be told", || async { stage.repair(0).await }).await;
    eventually("the app to hear of everything", || async {
        kinds(&app)
            .is_superset(&["relink.case.opened", "relink.case.repaired"].map(str::to_owned).into())
            .then_some(())
    })
    .await;
    let listed = eventually("everything to be on record", || async {
        let output =
            Relink::output(&stage.corner.config(), &["events", "list", "--output", "json"]);
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).ok()?;
        rows.iter().all(|row| row["state"] == "delivered").then_some(rows)
    })
    .await;
    let heard = app.heard();
    let of = |id: &str| heard.iter().filter(|one| one.id == id).count();
    let lost = listed.iter().filter(|row| of(row["event_id"].as_str().unwrap()) == 0);
    assert_eq!(lost.count(), 0, "{listed:?}");
    let twice: Vec<_> =
        listed.iter().filter(|row| of(row["event_id"].as_str().unwrap()) > 1).collect();
    assert!(!twice.is_empty(), "the answer that nobody recorded was asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_of_the_exchange_hears_of_a_whole_life() {
    let stage = Stage::dark(Setup::shared(1, Channels::Email)).await;
    let mut text = std::fs::read_to_string(stage.corner.config()).unwrap();
    write!(text, "[app]\nexchange = true\n").unwrap();
    std::fs::write(stage.corner.config(), text).unwrap();
    // The customer's own connection; the exchange is there once a worker has declared it.
    let connection =
        Connection::connect(&stage.amqp, ConnectionProperties::default()).await.unwrap();
    let exchange = format!("{}.events", stage.prefix);
    let channel = connection.create_channel().await.unwrap();
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let kind = ExchangeKind::Topic;
    channel
        .exchange_declare(exchange.as_str().into(), kind, durable, FieldTable::default())
        .await
        .unwrap();
    let queue = format!("{}.customer", stage.prefix);
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await.unwrap();
    channel
        .queue_bind(
            queue.as_str().into(),
            exchange.as_str().into(),
            "relink.case.*".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let stage = stage.start().await;
    stage.load(20).finish().await;
    let mut heard = vec![next(&channel, &queue).await, next(&channel, &queue).await];
    eventually("works again", || async { stage.repair(0).await }).await;
    heard.push(next(&channel, &queue).await);
    heard.sort();
    let mut life = LIFE.map(str::to_owned);
    life.sort();
    assert_eq!(heard, life);
}

/// The type of the next event in the customer's queue.
async fn next(channel: &Channel, queue: &str) -> String {
    let message = eventually("an event on the exchange", || async {
        let options = BasicGetOptions { no_ack: true };
        channel.basic_get(queue.into(), options).await.unwrap()
    })
    .await;
    let delivery = message.delivery;
    let json: serde_json::Value = serde_json::from_slice(&delivery.data).unwrap();
    assert_eq!(json["type"], delivery.routing_key.as_str());
    assert_eq!(*delivery.properties.delivery_mode(), Some(2), "persistent");
    assert!(delivery.properties.message_id().is_some());
    delivery.routing_key.to_string()
}
