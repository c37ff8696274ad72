//! Timers: what is due is taken from the store and published as an id. The only publisher of
//! due notifications. What was published and stays untouched is due again two minutes later,
//! which repairs purged and deleted queues, a swapped broker, and a crash between the two. A
//! channel whose queue is deep, because its provider is away, gets no more copies meanwhile.

use crate::depths::Depths;
use crate::metrics::Metrics;
use crate::patience::jitter;
use bytes::Bytes;
use relink_core::fail_point::{FailPoint, reached};
use relink_core::id::NotificationId;
use relink_core::retry::reconnect_wait;
use relink_core::wire::{DueMessage, Topic};
use relink_queue::{OutMessage, Published, Publisher};
use relink_store::{Due, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Rows taken at once.
const BATCH: usize = 256;

/// The longest sleep between two looks: other processes plan too, and their commits are not
/// announced here.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The scheduler. Any number may run; each takes different rows.
pub struct Scheduler {
    /// Where timers live.
    pub store: Arc<dyn Store>,
    /// Bound what is published.
    pub depths: Depths,
    /// What is counted.
    pub metrics: Metrics,
    /// Told by planners in this process.
    pub planned: Arc<Notify>,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing was due.
    Idle,
    /// This many were taken, and published unless their queue is deep.
    Published(usize),
    /// Some could not be published and were given back.
    Faulty,
}

impl Scheduler {
    /// Publishes what is due until `stop`.
    pub async fn run(&self, mut publisher: Box<dyn Publisher>, stop: CancellationToken) {
        let mut failures: u32 = 0;
        while !stop.is_cancelled() {
            let sleep = match self.step(publisher.as_mut()).await {
                Ok(Step::Published(_)) => {
                    failures = 0;
                    continue;
                }
                Ok(Step::Idle) => {
                    failures = 0;
                    self.until_next_due().await
                }
                Ok(Step::Faulty) => {
                    failures += 1;
                    reconnect_wait(failures, jitter())
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "cannot see what is due");
                    }
                    reconnect_wait(failures, jitter())
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.planned.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Takes what is due, publishes it where there is room, gives back what the queue did not store.
    ///
    /// # Errors
    /// The store could not say what is due; nothing was taken.
    pub async fn step(&self, publisher: &mut dyn Publisher) -> Result<Step, StoreError> {
        let due = self.store.claim_due(BATCH).await?;
        if due.is_empty() {
            return Ok(Step::Idle);
        }
        reached(FailPoint::BeforeDuePublish);
        let mut unpublished = Vec::new();
        for topic in Topic::SENDS {
            let group: Vec<&Due> =
                due.iter().filter(|due| Topic::for_channel(due.channel) == topic).collect();
            if group.is_empty() || self.is_deep(topic).await {
                continue;
            }
            let failed = publish(publisher, topic, &group).await;
            self.depths.add(topic, group.len() - failed.len());
            unpublished.extend(failed);
        }
        if unpublished.is_empty() {
            return Ok(Step::Published(due.len()));
        }
        self.metrics.republished.inc_by(unpublished.len() as u64);
        if let Err(error) = self.store.give_back(&unpublished).await {
            tracing::warn!(%error, count = unpublished.len(), "could not give back, due again in two minutes");
        }
        Ok(Step::Faulty)
    }

    async fn is_deep(&self, topic: Topic) -> bool {
        let deep = self.depths.is_deep(topic).await;
        if deep {
            tracing::debug!(%topic, "the queue is deep: what is due comes again later");
        }
        deep
    }

    async fn until_next_due(&self) -> Duration {
        match self.store.next_due_in().await {
            Ok(Some(wait)) => wait.clamp(Duration::from_millis(1), LONGEST_SLEEP),
            Ok(None) | Err(_) => LONGEST_SLEEP,
        }
    }
}

/// Publishes one topic's ids and answers those that are not stored.
async fn publish(
    publisher: &mut dyn Publisher,
    topic: Topic,
    group: &[&Due],
) -> Vec<NotificationId> {
    let messages: Vec<OutMessage> = group
        .iter()
        .map(|due| OutMessage {
            id: due.notification_id.to_string(),
            body: Bytes::from(DueMessage::encode(due.notification_id)),
            trace: due.trace,
        })
        .collect();
    let published = publisher.publish(topic, &messages).await;
    let mut fault = None;
    let unpublished = group
        .iter()
        .zip(published)
        .filter_map(|(due, published)| match published {
            Published::Stored => None,
            Published::NotStored(why) => {
                fault = Some(why);
                Some(due.notification_id)
            }
        })
        .collect();
    if let Some(error) = fault {
        tracing::warn!(%error, topic = %topic, "due notifications could not be published");
    }
    unpublished
}
