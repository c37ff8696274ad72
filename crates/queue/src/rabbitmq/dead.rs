//! The dead queue, for operators and for the one replay that needs none. Looking takes letters in
//! hand without settling them, and gives them back before it answers: always all of them, because
//! the broker puts what is given back behind what was given back before, so that taking a few would
//! change the order. One looks at a time, in the whole cluster: what one has in hand another would
//! miss.

use super::control::{Control, InUse};
use super::envelope::{
    AUTO_REPLAYED, DIED_AT, REASON, TOPIC, auto_replayed, broker_died_at, header, id_of,
    properties, trace_of,
};
use super::link::{Link, RPC, unreachable, within};
use super::ownership::GHOST;
use super::publish::{Outgoing, RabbitPublisher};
use crate::{AutoReplay, DeadLetter, DeadLetters, Published, QueueError};
use bytes::Bytes;
use lapin::Acker;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use relink_core::fail_point::{FailPoint, reached};
use relink_core::seal::sha256_hex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The name of the claim to look.
const LOOKING: &str = "dead";

/// Between two tries while somebody else looks.
const ONE_AT_A_TIME: Duration = Duration::from_secs(1);

/// The dead letters of a broker.
pub(crate) struct RabbitDeadLetters {
    /// For counting.
    control: Arc<Control>,
    /// For looking, one connection a look: nothing else of this process waits until all letters are
    /// looked through.
    looking: Control,
}

impl RabbitDeadLetters {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        let looking = Control::new(Arc::clone(&control.dialer));
        Self { control, looking }
    }

    /// A connection that alone looks at the letters until [`Self::looked`], or until it ends. Waits
    /// for others as long as one of them may be a ghost.
    async fn look(&self) -> Result<InUse<'_>, QueueError> {
        let claim = self.control.dialer.topology.owner_queue(LOOKING);
        let give_up = Instant::now() + GHOST;
        loop {
            let control = self.looking.link().await?;
            match control.link.declare_owned(&claim).await {
                Ok(()) => return Ok(control),
                Err(QueueError::Taken { .. }) if Instant::now() < give_up => {}
                // Not for good, as with other claims: looks take seconds.
                Err(QueueError::Taken { .. }) => {
                    let why = "somebody else is looking at the dead letters, a worker or an \
                               operator: try again";
                    return Err(unreachable(&control.link.place, why));
                }
                Err(error) => return Err(error),
            }
            // A refusal costs the channel.
            drop(control);
            tokio::time::sleep(ONE_AT_A_TIME).await;
        }
    }

    /// Gives back whatever is in hand, and lets others look.
    async fn looked(&self, control: InUse<'_>) -> Result<(), QueueError> {
        give_back(&control.link).await?;
        let claim = self.control.dialer.topology.owner_queue(LOOKING);
        control.link.delete_owned(&claim).await
    }

    /// Takes every letter in hand, and shows each, oldest first.
    async fn take_all(
        &self,
        link: &Link,
        mut show: impl FnMut(DeadLetter, Acker),
    ) -> Result<(), QueueError> {
        let queue = self.control.dialer.topology.dead_queue();
        loop {
            let got = link.channel.basic_get(queue.as_str().into(), BasicGetOptions::default());
            let Some(got) = within(&link.place, RPC, got).await? else { return Ok(()) };
            show(self.read(&got), got.delivery.acker);
        }
    }

    /// The letter with this id; it and all others are in hand.
    async fn find(&self, link: &Link, id: &str) -> Result<Option<(DeadLetter, Acker)>, QueueError> {
        let mut found = None;
        self.take_all(link, |letter, acker| {
            if found.is_none() && letter.id == id {
                found = Some((letter, acker));
            }
        })
        .await?;
        Ok(found)
    }

    fn read(&self, message: &BasicGetMessage) -> DeadLetter {
        let (properties, body) = (&message.delivery.properties, &message.delivery.data);
        let topic = header(properties, TOPIC).and_then(|topic| topic.parse().ok()).or_else(|| {
            let queue = header(properties, "x-first-death-queue")?;
            self.control.dialer.topology.topic_of(&queue)
        });
        let reason = header(properties, REASON)
            .or_else(|| header(properties, "x-first-death-reason"))
            .unwrap_or_else(|| "unknown".to_owned());
        let died_at = header(properties, DIED_AT)
            .and_then(|died| died.parse().ok())
            .or_else(|| broker_died_at(properties));
        let message_id = id_of(properties);
        let died = died_at.map(|at: relink_core::Timestamp| at.to_string()).unwrap_or_default();
        DeadLetter {
            id: letter_id(&message_id, &died, body),
            topic,
            message_id,
            reason,
            died_at,
            body: Bytes::from(body.clone()),
            trace: trace_of(properties),
            auto_replayed: header(properties, AUTO_REPLAYED).is_some(),
        }
    }

    fn publisher(&self) -> RabbitPublisher {
        RabbitPublisher::new(Arc::clone(&self.control.dialer), 1)
    }

    async fn publish_again(
        &self,
        publisher: &mut RabbitPublisher,
        letter: &DeadLetter,
        place: &str,
    ) -> Result<(), QueueError> {
        let Some(topic) = letter.topic else {
            return Err(QueueError::Mismatch(format!(
                "dead letter {} does not say which queue it came from; it can only be discarded",
                letter.id
            )));
        };
        let (id, trace) = (&letter.message_id, letter.trace);
        let properties = match letter.auto_replayed {
            true => auto_replayed(id, topic, trace),
            false => properties(id, topic.as_str(), trace),
        };
        let outgoing = Outgoing { body: &letter.body, properties };
        let exchange = self.control.dialer.topology.exchange();
        match publisher.window(&exchange, topic.as_str(), &[outgoing]).await.pop() {
            Some(Published::Stored) => Ok(()),
            Some(Published::NotStored(fault)) => Err(unreachable(place, &fault.to_string())),
            None => Err(unreachable(place, "no answer")),
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

/// Gives back whatever is in hand.
async fn give_back(link: &Link) -> Result<(), QueueError> {
    const ALL: u64 = 0;
    let options = BasicNackOptions { multiple: true, requeue: true };
    within(&link.place, RPC, link.channel.basic_nack(ALL, options)).await
}

async fn remove(link: &Link, letter: &Acker) -> Result<(), QueueError> {
    within(&link.place, RPC, letter.ack(BasicAckOptions::default())).await.map(drop)
}

#[async_trait::async_trait]
impl DeadLetters for RabbitDeadLetters {
    async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let control = self.look().await?;
        let mut letters = Vec::new();
        self.take_all(&control.link, |letter, _| {
            if letters.len() < limit {
                letters.push(letter);
            }
        })
        .await?;
        self.looked(control).await?;
        Ok(letters)
    }

    async fn count(&self) -> Result<u64, QueueError> {
        let control = self.control.link().await?;
        let count = control.link.declare_dead().await?;
        control.keep();
        Ok(count)
    }

    async fn replay(&self, id: &str) -> Result<(), QueueError> {
        let control = self.look().await?;
        let found = self.find(&control.link, id).await?;
        let ended = match &found {
            Some((letter, _)) => {
                self.publish_again(&mut self.publisher(), letter, &control.link.place).await
            }
            None => Err(QueueError::NoSuchLetter(id.to_owned())),
        };
        // Stored in its topic, and only then removed here.
        if let (Some((_, acker)), Ok(())) = (&found, &ended) {
            remove(&control.link, acker).await?;
        }
        self.looked(control).await?;
        ended
    }

    async fn discard(&self, id: &str) -> Result<(), QueueError> {
        let control = self.look().await?;
        let found = self.find(&control.link, id).await?;
        if let Some((_, acker)) = &found {
            remove(&control.link, acker).await?;
        }
        self.looked(control).await?;
        found.map(drop).ok_or_else(|| QueueError::NoSuchLetter(id.to_owned()))
    }
}

#[async_trait::async_trait]
impl AutoReplay for RabbitDeadLetters {
    async fn auto_replay(&self, ids: &[String]) -> Result<Vec<String>, QueueError> {
        let control = self.look().await?;
        let mut chosen = Vec::new();
        self.take_all(&control.link, |letter, acker| {
            if ids.contains(&letter.id) {
                chosen.push((DeadLetter { auto_replayed: true, ..letter }, acker));
            }
        })
        .await?;
        let mut publisher = self.publisher();
        let mut replayed = Vec::with_capacity(chosen.len());
        let mut refused = Vec::new();
        for (letter, acker) in chosen {
            // Its queue may be full, and another one not.
            if refused.contains(&letter.topic) {
                continue;
            }
            let again = self.publish_again(&mut publisher, &letter, &control.link.place).await;
            reached(FailPoint::AfterLetterPublish);
            // Stored in its topic, and only then removed here.
            let ended = match again {
                Ok(()) => remove(&control.link, &acker).await,
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                tracing::warn!(letter.id = %letter.id, %error, "a dead letter cannot be replayed");
                refused.push(letter.topic);
                continue;
            }
            replayed.push(letter.id);
        }
        // What was replayed was: a connection that fails now gives back the rest by itself.
        if let Err(error) = self.looked(control).await {
            tracing::debug!(%error, "the dead letters could not be given back in good order");
        }
        Ok(replayed)
    }
}
