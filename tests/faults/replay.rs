//! A good message that the broker buries for the deaths of its workers, and what becomes of it with
//! no operator's help.

use crate::seen::judge;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use relink_core::Timestamp;
use relink_core::time::earlier;
use relink_tests::{Channels, Relink, Setup, Stage, eventually};
use serde_json::Value;
use std::time::Duration;

/// What `abort` ends with, as a shell says it.
const ABORTED: i32 = 134;

/// How often the broker gives a message out.
const DELIVERIES: usize = 21;

/// Workers that are started from now on replay so long after a message's death.
fn replay_after(stage: &Stage, after: &str) {
    let section = "[queue.rabbitmq]\n";
    stage.corner.reconfigure(section, &format!("{section}auto_replay_after = \"{after}\"\n"));
}

async fn dead_letters(stage: &Stage) -> Vec<Value> {
    let config = stage.corner.config();
    let arguments = ["dead", "list", "--output", "json"];
    let output = tokio::task::spawn_blocking(move || Relink::output(&config, &arguments)).await;
    let said = output.unwrap().stdout;
    serde_json::from_slice(&said).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_whose_hands_every_worker_died_is_replayed_by_itself_and_told_once() {
    const DEADLY: &str = "before_apply=abort";
    let mut stage = Stage::open_armed(Setup::shared(1, Channels::Email), "work", DEADLY).await;
    // Long enough to be seen among the dead before.
    replay_after(&stage, "20s");
    let ledger = stage.load(20).finish().await;
    let worker = stage.place("work");
    for death in 1..=DELIVERIES {
        assert_eq!(stage.ended("work").await, ABORTED, "death {death}");
        stage.kill_and_arm(worker, (death < DELIVERIES).then_some(DEADLY));
    }
    let dead = eventually("the broker to bury it", || async {
        let dead = dead_letters(&stage).await;
        (!dead.is_empty()).then_some(dead)
    })
    .await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    let word = |key: &str| dead[0][key].as_str().unwrap().to_owned();
    assert_eq!((&word("reason")[..], &word("place")[..]), ("delivery_limit", "signals"));
    assert_eq!((&word("about")[..], stage.corner.inbox.len()), ("evt-0", 0));

    stage.corner.inbox.wait_for(1).await;
    let verdict =
        judge(&stage, &ledger, &format!("a message that killed {DELIVERIES} workers")).await;
    assert_eq!((stage.corner.inbox.len(), verdict.duplicated, verdict.doubts), (1, 0, 0));
    assert_eq!(stage.gauge("relink_dead_letters_auto_replayed_total").await, Some(1));
}

/// Does by hand what the broker does with a signal after so many deaths.
async fn bury(stage: &Stage) {
    let connection = lapin::Connection::connect(&stage.amqp, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = format!("{}.signals", stage.prefix);
    let got = eventually("the signal to be in the queue", || async {
        channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.unwrap()
    })
    .await;
    let hour_ago = earlier(Timestamp::now(), Duration::from_secs(3600)).to_string();
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("relink-reason", "delivery_limit"),
        ("relink-topic", "signals"),
        ("relink-died-at", &hour_ago),
    ] {
        headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id("evt-0".into())
        .with_headers(headers);
    let dead = format!("{}.dead", stage.prefix);
    let options = BasicPublishOptions::default();
    channel
        .basic_publish(dead.into(), "signals".into(), options, &got.delivery.data, properties)
        .await
        .unwrap();
    got.delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
    eventually("it to be dead", || async { (dead_letters(stage).await.len() == 1).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_between_a_replay_and_the_letters_removal_tells_nobody_twice() {
    let mut stage = Stage::open(Setup::shared(1, Channels::Email)).await;
    stage.actor("work").process.kill();
    let ledger = stage.load(20).finish().await;
    bury(&stage).await;
    replay_after(&stage, "1s");
    stage.kill_and_arm(stage.place("work"), Some("after_letter_publish=abort"));
    assert_eq!(stage.restart_once_ended("work").await, ABORTED);
    // The copy, and the letter that is there still.
    eventually("the second copy to die at the store's guard", || async {
        let log = stage.processes[stage.place("work")].process.log();
        log.contains(r#""result":"duplicate""#).then_some(())
    })
    .await;
    let verdict = judge(&stage, &ledger, "worker ended between a replay and its removal").await;
    assert_eq!((stage.corner.inbox.len(), verdict.duplicated, verdict.doubts), (1, 0, 0));
    assert_eq!(dead_letters(&stage).await, [Value::Null; 0]);
}
