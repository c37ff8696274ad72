//! The dead queue, for operators. Looking takes messages in hand without settling them and lets
//! go of the connection, which gives them back in place.

use super::envelope::{DIED_AT, REASON, TOPIC, header, id_of, properties, trace_of};
use super::link::{Dialer, Link, RPC, within};
use super::publish::{Outgoing, RabbitPublisher};
use crate::{DeadLetter, DeadLetters, Published, QueueError};
use bytes::Bytes;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use relink_core::seal::sha256_hex;
use std::sync::Arc;

/// The dead letters of a broker.
pub(crate) struct RabbitDeadLetters {
    dialer: Arc<Dialer>,
}

impl RabbitDeadLetters {
    pub(crate) fn new(dialer: Arc<Dialer>) -> Self {
        Self { dialer }
    }

    /// Takes letters in hand, oldest first, until `wanted` is satisfied or there are no more.
    async fn take(
        &self,
        link: &Link,
        mut wanted: impl FnMut(DeadLetter, Acker) -> bool,
    ) -> Result<(), QueueError> {
        let queue = self.dialer.topology.dead_queue();
        loop {
            let got = link.channel.basic_get(queue.as_str().into(), BasicGetOptions::default());
            let Some(got) = within(&link.place, RPC, got).await? else { return Ok(()) };
            let letter = self.read(&got.delivery);
            if wanted(letter, got.delivery.acker) {
                return Ok(());
            }
        }
    }

    async fn find(&self, link: &Link, id: &str) -> Result<(DeadLetter, Acker), QueueError> {
        let mut found = None;
        self.take(link, |letter, acker| {
            if letter.id == id {
                found = Some((letter, acker));
            }
            found.is_some()
        })
        .await?;
        found.ok_or_else(|| QueueError::NoSuchLetter(id.to_owned()))
    }

    fn read(&self, message: &lapin::message::Delivery) -> DeadLetter {
        let properties = &message.properties;
        let topic = header(properties, TOPIC).and_then(|topic| topic.parse().ok()).or_else(|| {
            let queue = header(properties, "x-first-death-queue")?;
            self.dialer.topology.topic_of(&queue)
        });
        let reason = header(properties, REASON)
            .or_else(|| header(properties, "x-first-death-reason"))
            .unwrap_or_else(|| "unknown".to_owned());
        let died = header(properties, DIED_AT);
        let message_id = id_of(properties);
        DeadLetter {
            id: letter_id(&message_id, died.as_deref().unwrap_or(""), &message.data),
            topic,
            message_id,
            reason,
            died_at: died.and_then(|died| died.parse().ok()),
            body: Bytes::from(message.data.clone()),
            trace: trace_of(properties),
        }
    }
}

/// Stable however often the queue is looked through: made from what the letter is.
fn letter_id(message_id: &str, died_at: &str, body: &[u8]) -> String {
    let mut text = format!("{}\n{message_id}\n{died_at}\n", message_id.len()).into_bytes();
    text.extend_from_slice(body);
    let mut id = sha256_hex(&text);
    id.truncate(16);
    id
}

#[async_trait::async_trait]
impl DeadLetters for RabbitDeadLetters {
    async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut letters = Vec::new();
        if limit == 0 {
            return Ok(letters);
        }
        let link = self.dialer.dial("dead letters").await?;
        self.take(&link, |letter, _| {
            letters.push(letter);
            letters.len() >= limit
        })
        .await?;
        Ok(letters)
    }

    async fn count(&self) -> Result<u64, QueueError> {
        self.dialer.dial("dead letters").await?.declare_dead().await
    }

    async fn replay(&self, id: &str) -> Result<(), QueueError> {
        let link = self.dialer.dial("dead letters").await?;
        let (letter, acker) = self.find(&link, id).await?;
        let Some(topic) = letter.topic else {
            return Err(QueueError::Mismatch(format!(
                "dead letter {id} does not say which queue it came from; it can only be discarded"
            )));
        };
        let outgoing = Outgoing {
            id: &letter.message_id,
            body: &letter.body,
            properties: properties(&letter.message_id, topic.as_str(), letter.trace),
        };
        let mut publisher = RabbitPublisher::new(Arc::clone(&self.dialer), 1);
        let exchange = self.dialer.topology.exchange();
        let published = publisher.window(&exchange, topic.as_str(), &[outgoing]).await;
        match published.into_iter().next() {
            Some(Published::Stored) => {
                within(&link.place, RPC, acker.ack(BasicAckOptions::default())).await.map(drop)
            }
            Some(Published::NotStored(fault)) => {
                Err(super::link::unreachable(&link.place, &fault.to_string()))
            }
            None => Err(super::link::unreachable(&link.place, "no answer")),
        }
    }

    async fn discard(&self, id: &str) -> Result<(), QueueError> {
        let link = self.dialer.dial("dead letters").await?;
        let (_, acker) = self.find(&link, id).await?;
        within(&link.place, RPC, acker.ack(BasicAckOptions::default())).await.map(drop)
    }
}
