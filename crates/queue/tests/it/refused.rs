//! A queue at its limit refuses, and each answer belongs to its own message.

use crate::support::broker::{Broker, prefix};
use crate::support::engine::rabbit;
use crate::support::{answered, eventually, message, messages, take_all};
use relink_core::wire::Topic;
use relink_queue::{PublishFault, Published, Queue};
use std::collections::BTreeSet;

const REFUSED: Published = Published::NotStored(PublishFault::Refused);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_message_by_message_and_takes_again_when_there_is_room() {
    let (broker, prefix) = (Broker::private().await, prefix());
    let queue = rabbit(&[broker.url()], &prefix);
    queue.prepare().await.unwrap();
    let (pattern, limit) = (format!("^{prefix}\\.signals$"), "{\"max-length\":100}");
    broker.ctl(&["set_policy", "--apply-to", "queues", "cap", &pattern, limit]).await;

    // Windows of 40: the limit is met in the middle of the batch, and overshot by the broker.
    let mut publisher = queue.publisher();
    let batch = messages("a", 400);
    let answers = publisher.publish(Topic::Signals, &batch).await;
    let stored = answered(&batch, &answers, &Published::Stored);
    let refused = answered(&batch, &answers, &REFUSED);
    assert!(stored.len() >= 100 && refused.len() >= 100, "{} {}", stored.len(), refused.len());
    assert_eq!(stored.len() + refused.len(), 400);
    let others = publisher.publish(Topic::SendSms, &[message("elsewhere")]).await;
    assert_eq!(others, [Published::Stored], "the other queues have room");

    let mut consumer = queue.consumer(Topic::Signals, 50);
    let seen: BTreeSet<String> = take_all(&mut *consumer, &stored).await.into_iter().collect();
    assert_eq!(seen, stored, "exactly what was called stored");
    eventually("room", async || {
        let published = publisher.publish(Topic::Signals, &[message("again")]).await;
        (published == [Published::Stored]).then_some(())
    })
    .await;
    take_all(&mut *consumer, &BTreeSet::from(["again".to_owned()])).await;
}
