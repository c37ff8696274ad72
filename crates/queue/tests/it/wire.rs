//! What is on the wire, read with the bare client library.

use crate::support::admin::Admin;
use crate::support::broker::{Broker, prefix};
use crate::support::engine::rabbit;
use crate::support::{eventually, message, next, store};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Confirmation};
use relink_core::wire::Topic;
use relink_queue::{DeadReason, OutMessage, Queue, Settlement};
use std::time::{SystemTime, UNIX_EPOCH};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn get(admin: &Admin, queue: &str) -> BasicGetMessage {
    eventually(&format!("a message in {queue}"), async || {
        let options = BasicGetOptions { no_ack: true };
        admin.channel.basic_get(queue.into(), options).await.unwrap()
    })
    .await
}

fn text(properties: &BasicProperties, name: &str) -> Option<String> {
    let value = properties.headers().as_ref()?.inner().get(name)?;
    if let AMQPValue::LongString(text) = value { Some(text.to_string()) } else { None }
}

fn short(value: &Option<ShortString>) -> &str {
    value.as_ref().map_or("", |value| value.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_persistent_named_typed_and_traced() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    let traced = OutMessage { trace: Some(TRACE.parse().unwrap()), ..message("evt-1") };
    store(&queue, Topic::SendEmail, &[traced, message("evt-2")]).await;

    let admin = Admin::connect(&broker.url()).await;
    let got = get(&admin, &format!("{prefix}.send.email")).await.delivery;
    assert_eq!((got.exchange.as_str(), got.routing_key.as_str()), (&prefix[..], "send.email"));
    assert_eq!(got.data, b"body of evt-1");
    let sent = &got.properties;
    assert_eq!(*sent.delivery_mode(), Some(2));
    assert_eq!((short(sent.message_id()), short(sent.kind())), ("evt-1", "send.email"));
    assert_eq!(short(sent.content_type()), "application/json");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(sent.timestamp().is_some_and(|at| at <= now && now - at < 120));
    assert_eq!(text(sent, "traceparent").as_deref(), Some(TRACE));
    // The broker may add its own.
    let headers = sent.headers().clone().unwrap();
    let names = headers.inner().keys().map(|name| name.as_str());
    let ours = names.filter(|name| !name.starts_with("x-"));
    assert_eq!(ours.collect::<Vec<_>>(), ["traceparent"]);

    let untraced = get(&admin, &format!("{prefix}.send.email")).await.delivery.properties;
    assert_eq!(text(&untraced, "traceparent"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_longer_than_the_protocol_carries_is_cut_and_nothing_breaks() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    let long = "é".repeat(200);
    store(&queue, Topic::Signals, &[message(&long), message("2")]).await;
    let mut consumer = queue.consumer(Topic::Signals, 5);
    let got = next(&mut *consumer).await;
    assert_eq!(got.id, "é".repeat(127));
    assert_eq!(next(&mut *consumer).await.id, "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_message_is_delivered_without_its_headers_being_trusted() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    queue.prepare().await.unwrap();
    let admin = Admin::connect(&broker.url()).await;
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString(LongString::from("nonsense")));
    headers.insert("x-death".into(), AMQPValue::Boolean(true));
    headers.insert("relink-reason".into(), AMQPValue::LongLongInt(7));
    for properties in [BasicProperties::default(), BasicProperties::default().with_headers(headers)]
    {
        let (options, exchange) = (BasicPublishOptions::default(), prefix.as_str().into());
        let published = admin.channel.basic_publish(
            exchange,
            "signals".into(),
            options,
            b"\xFFjunk",
            properties,
        );
        assert_eq!(published.await.unwrap().await.unwrap(), Confirmation::NotRequested);
    }
    let mut consumer = queue.consumer(Topic::Signals, 5);
    for _ in 0..2 {
        let got = next(&mut *consumer).await;
        assert_eq!((&got.id[..], &got.body[..], got.trace), ("", &b"\xFFjunk"[..], None));
        got.settle(Settlement::Dead(DeadReason::Malformed));
    }
    eventually("both to be buried", async || {
        (queue.dead_letters().count().await.unwrap() == 2).then_some(())
    })
    .await;
    let buried = get(&admin, &format!("{prefix}.dead")).await.delivery.properties;
    let header = |name| text(&buried, name);
    assert_eq!(header("relink-reason").as_deref(), Some("malformed"));
    assert_eq!(header("relink-topic").as_deref(), Some("signals"));
    assert!(header("relink-died-at").is_some() && header("traceparent").is_none());
    assert_eq!(*buried.delivery_mode(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_broker_buries_by_itself_says_where_from_when_and_why() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    store(&queue, Topic::SendSms, &[message("1"), message("1")]).await;
    // Given out too often, as by a worker that dies of it: each look hands it back.
    let admin = Admin::connect(&broker.url()).await;
    let name = format!("{prefix}.send.sms");
    eventually("the limit to be reached", async || {
        let options = BasicGetOptions::default();
        if let Some(got) = admin.channel.basic_get(name.as_str().into(), options).await.unwrap() {
            let options = lapin::options::BasicNackOptions { requeue: true, ..Default::default() };
            got.acker.nack(options).await.unwrap();
        }
        (queue.dead_letters().count().await.unwrap() == 2).then_some(())
    })
    .await;
    let letters = queue.dead_letters().list(10).await.unwrap();
    for letter in &letters {
        assert_eq!((letter.topic, &letter.message_id[..]), (Some(Topic::SendSms), "1"));
        assert_eq!(letter.reason, DeadReason::DeliveryLimit.as_str());
        let age = relink_core::Timestamp::now().duration_since(letter.died_at.unwrap());
        assert!(age.as_secs() < 120, "{age:?}");
    }
    queue.dead_letters().replay(&letters[0].id).await.unwrap();
    let mut consumer = queue.consumer(Topic::SendSms, 1);
    next(&mut *consumer).await.settle(Settlement::Done);
    assert_eq!(queue.dead_letters().list(10).await.unwrap().len(), 1);
}

/// Brokers of 4.0 and later drop a message after 20 looks where no limit is set, and a queue
/// without a limit puts what is given back at its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dead_queue_has_a_delivery_limit_that_looking_cannot_reach() {
    let (broker, prefix) = (Broker::any().await, prefix());
    rabbit(&[broker.url()], &prefix).prepare().await.unwrap();
    // The broker refuses a declaration that differs.
    let admin = Admin::connect(&broker.url()).await;
    admin.declare_queue(&format!("{prefix}.dead"), "x-delivery-limit", i32::MAX.into()).await;
}
