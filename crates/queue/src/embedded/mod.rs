//! The embedded engine: the queue of one process, on the segment log. Every topic is a log under
//! `<data_dir>/queue/<topic>/`, consumers share it in memory, and nothing leaves it unsettled.
//! A published message is on stable storage; deliveries may repeat, never vanish. Only one
//! process can have it open; [`EmbeddedDeadLetters`] works beside it.

mod hand_out;
mod letter_file;
mod letters;
mod message;
mod peek;
mod topic;

#[cfg(test)]
mod tests;

pub use letters::EmbeddedDeadLetters;
pub use peek::{EmbeddedPeek, peek_embedded};

use crate::log::{AppendError, LogError, LogOptions, LogStats, SegmentLog};
use crate::{
    Consumer, DeadLetters, OutMessage, PublishFault, Published, Publisher, Queue, QueueError,
};
use relink_core::seal::SealKey;
use relink_core::wire::Topic;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use topic::{EmbeddedConsumer, TopicQueue, chain};

/// How long a publisher waits for the disk.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(10);
/// The most a publisher hands to the disk at once, in bytes; well under what a log holds.
const PUBLISH_AT_ONCE: usize = 4 << 20;
/// How often letters handed over by another process are looked for.
const REPLAY_EVERY: Duration = Duration::from_secs(1);

/// The embedded queue. Ends with the last of it and of its publishers and consumers; an orderly
/// end is [`EmbeddedQueue::close`].
#[derive(Debug)]
pub struct EmbeddedQueue {
    topics: Arc<Topics>,
    replaying: CancellationToken,
    _stop_replaying: DropGuard,
}

#[derive(Debug)]
struct Topics {
    signals: Arc<TopicQueue>,
    send_email: Arc<TopicQueue>,
    send_sms: Arc<TopicQueue>,
    send_in_app: Arc<TopicQueue>,
    letters: EmbeddedDeadLetters,
}

impl Topics {
    fn get(&self, topic: Topic) -> &Arc<TopicQueue> {
        match topic {
            Topic::Signals => &self.signals,
            Topic::SendEmail => &self.send_email,
            Topic::SendSms => &self.send_sms,
            Topic::SendInApp => &self.send_in_app,
        }
    }
}

impl EmbeddedQueue {
    /// Opens or makes the queue under `data_dir`, and appends the dead letters that were handed
    /// over for replay. Each topic may take up `max_bytes`; `min_free` is the share of the disk,
    /// 0.0 to 1.0, that stays free. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`QueueError::Disk`]: the folder cannot be used, another process has it open, or it was
    /// sealed with another key.
    pub async fn open(
        data_dir: &Path,
        key: SealKey,
        max_bytes: u64,
        min_free: f64,
    ) -> Result<Self, QueueError> {
        let root = data_dir.join("queue");
        let letters = EmbeddedDeadLetters::at(data_dir, key.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let open = |topic: Topic| {
                let dir = root.join(topic.as_str());
                let options = LogOptions { max_bytes, min_free, ..LogOptions::new(&dir, "") };
                let options = LogOptions { name: format!("queue/{topic}"), ..options };
                let log = SegmentLog::open(options, key.clone());
                let log = log.map_err(|error| cannot_open(&dir, &error))?;
                Ok(Arc::new(TopicQueue::new(topic, log, letters.clone())))
            };
            let topics = Topics {
                signals: open(Topic::Signals)?,
                send_email: open(Topic::SendEmail)?,
                send_sms: open(Topic::SendSms)?,
                send_in_app: open(Topic::SendInApp)?,
                letters: letters.clone(),
            };
            // The logs' locks are held: nobody else writes letters now.
            topics.letters.prepare()?;
            Ok(Arc::new(topics))
        });
        let topics = opened.await.map_err(|error| QueueError::Disk {
            folder: data_dir.display().to_string(),
            why: error.to_string(),
        })??;
        replay_letters(&topics).await;
        let replaying = CancellationToken::new();
        tokio::spawn(keep_replaying(Arc::downgrade(&topics), replaying.clone()));
        Ok(Self { topics, _stop_replaying: replaying.clone().drop_guard(), replaying })
    }

    /// How the log of a topic stands.
    pub fn stats(&self, topic: Topic) -> LogStats {
        self.topics.get(topic).log.stats()
    }

    /// Takes no more, writes what was handed in, and gives the folder free. What is unsettled
    /// comes again at the next start.
    pub async fn close(&self) {
        self.replaying.cancel();
        for topic in Topic::ALL {
            self.topics.get(*topic).log.close().await;
        }
    }
}

fn cannot_open(dir: &Path, error: &LogError) -> QueueError {
    QueueError::Disk { folder: dir.display().to_string(), why: chain(error) }
}

#[async_trait::async_trait]
impl Queue for EmbeddedQueue {
    /// Everything was made when it was opened.
    async fn prepare(&self) -> Result<(), QueueError> {
        Ok(())
    }

    fn publisher(&self) -> Box<dyn Publisher> {
        Box::new(EmbeddedPublisher { topics: Arc::clone(&self.topics) })
    }

    fn consumer(&self, topic: Topic, prefetch: u16) -> Box<dyn Consumer> {
        Box::new(EmbeddedConsumer::new(Arc::clone(self.topics.get(topic)), prefetch))
    }

    /// Unsettled messages, those in hand included.
    async fn depth(&self, topic: Topic) -> Option<u64> {
        Some(self.stats(topic).pending)
    }

    fn dead_letters(&self) -> Box<dyn DeadLetters> {
        Box::new(self.topics.letters.clone())
    }
}

struct EmbeddedPublisher {
    topics: Arc<Topics>,
}

#[async_trait::async_trait]
impl Publisher for EmbeddedPublisher {
    async fn publish(&mut self, topic: Topic, batch: &[OutMessage]) -> Vec<Published> {
        let log = &self.topics.get(topic).log;
        let deadline = Instant::now() + PUBLISH_DEADLINE;
        let mut published = Vec::with_capacity(batch.len());
        let mut rest = batch;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(how_many_at_once(rest));
            // All are handed in before the first is waited for: they share an fsync.
            let appends: Vec<_> = now
                .iter()
                .map(|out| log.append(&out.id, message::encode(out.trace, &out.body)))
                .collect();
            for append in appends {
                published.push(match tokio::time::timeout_at(deadline, append).await {
                    Ok(Ok(_receipt)) => Published::Stored,
                    Ok(Err(error)) => Published::NotStored(fault(&error)),
                    Err(_late) => Published::NotStored(PublishFault::Disk(format!(
                        "no answer within {} s",
                        PUBLISH_DEADLINE.as_secs()
                    ))),
                });
            }
            rest = later;
        }
        published
    }
}

fn how_many_at_once(batch: &[OutMessage]) -> usize {
    let mut bytes = 0;
    let fitting = batch.iter().take_while(|message| {
        bytes += message.body.len();
        bytes <= PUBLISH_AT_ONCE
    });
    fitting.count().max(1)
}

fn fault(error: &AppendError) -> PublishFault {
    match error {
        AppendError::Full { .. } | AppendError::Busy { .. } => PublishFault::Refused,
        AppendError::DiskLow { .. } => PublishFault::Blocked(error.to_string()),
        AppendError::TooLarge { .. } | AppendError::Disk(_) => PublishFault::Disk(chain(error)),
        AppendError::Closed => PublishFault::Unreachable,
    }
}

/// Takes letters over for as long as the queue lives.
async fn keep_replaying(topics: Weak<Topics>, stop: CancellationToken) {
    let Some(handed_over) = topics.upgrade().map(|topics| topics.letters.handed_over.clone())
    else {
        return;
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = handed_over.notified() => {}
            () = tokio::time::sleep(REPLAY_EVERY) => {}
        }
        let Some(topics) = topics.upgrade() else { return };
        replay_letters(&topics).await;
    }
}

/// Appends every letter that was handed over to its topic, durably, and only then deletes it.
/// What fails stays where it is and is tried again.
async fn replay_letters(topics: &Topics) {
    let letters = match topics.letters.to_replay().await {
        Ok(letters) => letters,
        Err(error) => {
            tracing::error!(error = %error, "cannot look for letters to replay");
            return;
        }
    };
    for (id, letter) in letters {
        let record = message::encode(letter.trace, &letter.body);
        let appended = topics.get(letter.topic).log.append(&letter.message_id, record).await;
        if let Err(error) = appended {
            tracing::error!(letter.id = %id, error = %chain(&error), "cannot replay a letter");
            return;
        }
        match topics.letters.replayed(id).await {
            Ok(()) => tracing::info!(letter.id = %id, topic = %letter.topic, "letter replayed"),
            Err(error) => {
                // It will be replayed once more; the store knows its id.
                tracing::error!(letter.id = %id, error = %error, "cannot delete a replayed letter");
                return;
            }
        }
    }
}
