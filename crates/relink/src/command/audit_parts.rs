//! What an audit sees of spool and queue, without the locks of the processes that own them.

use crate::command::audit::Check;
use crate::failure::Failure;
use relink_config::{Config, Queue as QueueConfig};
use relink_core::wire::Topic;
use relink_queue::Queue as _;
use relink_queue::embedded::peek_embedded;
use relink_queue::log::peek;
use relink_queue::rabbitmq::RabbitQueue;
use serde::Serialize;
use std::collections::BTreeMap;

/// Said in place of what was not looked at.
const NO_SIZES: &str = "the queues were not looked at: RabbitMQ refuses what is above their limit, \
                        and tells how many messages they hold, not their bytes";

/// What was seen of the spool or the queue.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Sizes against their limits.
    pub(crate) sizes: Vec<Check>,
    /// Why there are no sizes, where none can be had.
    pub(crate) no_sizes: Option<&'static str>,
    /// Messages waiting, by place.
    pub(crate) waiting: BTreeMap<String, u64>,
    /// Dead letters.
    pub(crate) dead: Option<u64>,
    /// Why it could not be read.
    pub(crate) fault: Option<Failure>,
}

/// What is on its way to the store.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Backlog {
    /// In this host's spool; `null` where there is none.
    pub(crate) spooled: Option<u64>,
    /// In the queue, by topic. In RabbitMQ without what workers have in hand.
    pub(crate) queued: BTreeMap<String, u64>,
    /// Buried messages.
    pub(crate) dead_letters: Option<u64>,
}

impl Backlog {
    pub(crate) fn of(spool: &Part, queue: &Part) -> Self {
        Self {
            spooled: spool.waiting.values().next().copied(),
            queued: queue.waiting.clone(),
            dead_letters: queue.dead,
        }
    }

    pub(crate) fn signals_queued(&self) -> Option<u64> {
        self.queued.get(Topic::Signals.as_str()).copied()
    }
}

fn failed(failure: Failure) -> Part {
    Part { fault: Some(failure), ..Part::default() }
}

/// The receiver's spool on this host, if there is one.
pub(crate) async fn spool(config: &Config) -> Part {
    let dir = config.instance.data_dir.join("spool");
    let looked = tokio::task::spawn_blocking(move || peek(&dir)).await;
    match looked {
        Ok(Ok(Some(looked))) => Part {
            sizes: vec![size("spool", looked.used_bytes, config.receiver.spool_max)],
            waiting: BTreeMap::from([("spool".to_owned(), looked.pending)]),
            ..Part::default()
        },
        Ok(Ok(None)) => Part::default(),
        Ok(Err(error)) => failed(error.into()),
        Err(error) => failed(Failure::failed(error.to_string())),
    }
}

/// The queue. RabbitMQ keeps its own limits and tells numbers, not bytes.
pub(crate) async fn queue(config: &Config) -> Part {
    match &config.queue {
        QueueConfig::Embedded => {
            let dir = config.instance.data_dir.clone();
            match tokio::task::spawn_blocking(move || peek_embedded(&dir)).await {
                Ok(Ok(looked)) => {
                    let max = config.receiver.spool_max;
                    let topics = || looked.topics.iter();
                    Part {
                        sizes: topics()
                            .map(|(topic, log)| size(topic.as_str(), log.used_bytes, max))
                            .collect(),
                        waiting: topics()
                            .map(|(topic, log)| (topic.to_string(), log.pending))
                            .collect(),
                        dead: Some(looked.dead),
                        ..Part::default()
                    }
                }
                Ok(Err(error)) => failed(error.into()),
                Err(error) => failed(Failure::failed(error.to_string())),
            }
        }
        QueueConfig::RabbitMq(rabbit) => {
            let queue = RabbitQueue::new(rabbit.clone(), "relink audit");
            let letters = queue.dead_letters();
            match letters.count().await {
                Ok(dead) => {
                    let mut waiting = BTreeMap::new();
                    for topic in Topic::ALL {
                        if let Some(depth) = queue.depth(*topic).await {
                            waiting.insert(topic.to_string(), depth);
                        }
                    }
                    let no_sizes = Some(NO_SIZES);
                    Part { waiting, dead: Some(dead), no_sizes, ..Part::default() }
                }
                Err(error) => failed(error.into()),
            }
        }
    }
}

/// A log may end one segment, at most an eighth, above its limit: what is moved within it.
fn size(name: &str, used: u64, max: u64) -> Check {
    let above = used > max.saturating_add(max / 8);
    Check {
        name: format!("{name}_bytes"),
        looked_at: 1,
        violating: u64::from(above),
        examples: if above { vec![format!("{used} of {max} bytes")] } else { Vec::new() },
    }
}
