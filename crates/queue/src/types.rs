//! The interface that both engines keep.

use bytes::Bytes;
use relink_core::trace::TraceContext;
use relink_core::wire::Topic;
use tokio::sync::oneshot;

/// A message to publish.
#[derive(Debug, Clone)]
pub struct OutMessage {
    /// Event id or notification id; for matching returns and for tracing, not the only guard
    /// against duplicates. RabbitMQ carries its first 255 bytes.
    pub id: String,
    /// The encoded form of `relink_core::wire`.
    pub body: Bytes,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
}

/// What became of one published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Durable.
    Stored,
    /// Not known to be durable: publish it again later. It may arrive twice.
    NotStored(PublishFault),
}

/// Why a message is not known to be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishFault {
    /// No connection, or it broke or fell silent before the confirm.
    #[error("the queue cannot be reached")]
    Unreachable,
    /// The broker has raised a memory or disk alarm.
    #[error("the broker has blocked publishing: {0}")]
    Blocked(String),
    /// The broker refused it (negative confirm): the queue is at its limit.
    #[error("the broker refused the message")]
    Refused,
    /// No queue is bound for it.
    #[error("the broker had no queue for the message")]
    Returned,
    /// The disk under the embedded queue.
    #[error("the queue's disk: {0}")]
    Disk(String),
}

/// A fault of the queue as a whole.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Nothing answers; worth trying again.
    #[error("the queue at {place} cannot be reached: {why}")]
    Unreachable {
        /// Host and port, without credentials.
        place: String,
        /// What happened.
        why: String,
    },
    /// Something exists that is not as this program needs it; an operator must act.
    #[error("the queue is set up differently than this release needs: {0}")]
    Mismatch(String),
    /// Somebody else on the broker owns what can have one owner only.
    #[error("{what} has another owner: {why}")]
    Taken {
        /// What is owned.
        what: String,
        /// What the broker said.
        why: String,
    },
    /// The data folder.
    #[error("the queue's folder {folder}: {why}")]
    Disk {
        /// Which folder.
        folder: String,
        /// What happened.
        why: String,
    },
    /// No such dead letter.
    #[error("there is no dead letter {0}")]
    NoSuchLetter(String),
}

/// Publishes. Owned by one task; engines never share a channel between tasks.
#[async_trait::async_trait]
pub trait Publisher: Send {
    /// Publishes a batch and answers for each message, in order. Ends within the engine's own
    /// deadlines (about 13 s at worst): a message that is neither confirmed nor refused by then
    /// counts as not stored. Reconnects by itself on the next call. Not cancel-safe in the
    /// sense that dropping the future leaves every message of the batch unknown.
    async fn publish(&mut self, topic: Topic, batch: &[OutMessage]) -> Vec<Published>;
}

/// Delivers messages of one topic. Owned by one task.
#[async_trait::async_trait]
pub trait Consumer: Send {
    /// The next message. Waits as long as it takes, through lost connections and deleted
    /// queues; every fault is logged and counted, none ends it. Cancel-safe.
    async fn next(&mut self) -> Delivery;

    /// The next message if one is here already.
    fn try_next(&mut self) -> Option<Delivery>;

    /// Takes no more and hands back what it had not given out yet. Deliveries already given
    /// out can still be settled for as long as the consumer lives; dropping it gives back
    /// whatever is unsettled.
    async fn stop(&mut self);
}

/// A message in hand. Dropping it unsettled gives it back to the queue.
#[derive(Debug)]
pub struct Delivery {
    /// What was published.
    pub body: Bytes,
    /// Its `message_id`.
    pub id: String,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// Whether it was given out before.
    pub redelivered: bool,
    settle: Option<oneshot::Sender<Settlement>>,
}

impl Delivery {
    /// Made by engines (and by the fakes of tests): `settle` takes the message's end to the task that owns it.
    pub fn new(
        id: String,
        body: Bytes,
        trace: Option<TraceContext>,
        redelivered: bool,
        settle: oneshot::Sender<Settlement>,
    ) -> Self {
        Self { body, id, trace, redelivered, settle: Some(settle) }
    }

    /// Ends this delivery, once. A settlement that cannot reach the queue any more is not an
    /// error: the message comes back and dies at the store's own guard.
    pub fn settle(mut self, settlement: Settlement) {
        if let Some(settle) = self.settle.take() {
            // A gone owner means a lost connection: the message will be delivered again.
            let _ = settle.send(settlement);
        }
    }
}

/// How a delivery ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Applied: forget it.
    Done,
    /// Not now: deliver it again.
    Retry,
    /// Never: keep its bytes among the dead letters under this reason.
    Dead(DeadReason),
}

/// Why a message was buried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadReason {
    /// Not a message of this system.
    Malformed,
    /// Written by a newer release, and the upgrade did not come.
    NewerVersion,
    /// A known event id with another content.
    IdReused,
    /// Its handler failed every time.
    HandlerFailed,
    /// Given out too often without being settled.
    DeliveryLimit,
}

impl DeadReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Malformed,
        Self::NewerVersion,
        Self::IdReused,
        Self::HandlerFailed,
        Self::DeliveryLimit,
    ];

    /// Label and file word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NewerVersion => "newer_version",
            Self::IdReused => "id_reused",
            Self::HandlerFailed => "handler_failed",
            Self::DeliveryLimit => "delivery_limit",
        }
    }
}

/// A buried message.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its id among the dead letters.
    pub id: String,
    /// Where it came from; `None` when the broker does not say.
    pub topic: Option<Topic>,
    /// Its `message_id`.
    pub message_id: String,
    /// One of [`DeadReason`]'s words, or the broker's.
    pub reason: String,
    /// When it was buried, if known.
    pub died_at: Option<relink_core::Timestamp>,
    /// The whole body.
    pub body: Bytes,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// Whether it was replayed by [`AutoReplay`] before it died this time.
    pub auto_replayed: bool,
}

/// The dead letters of a queue, for operators.
#[async_trait::async_trait]
pub trait DeadLetters: Send + Sync {
    /// Up to `limit`, oldest first. Looking changes nothing.
    ///
    /// # Errors
    /// [`QueueError::Unreachable`], [`QueueError::Disk`].
    async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError>;

    /// How many there are.
    ///
    /// # Errors
    /// As [`Self::list`].
    async fn count(&self) -> Result<u64, QueueError>;

    /// Publishes it to its topic again, durably, and only then removes it.
    ///
    /// # Errors
    /// As [`Self::list`], and [`QueueError::NoSuchLetter`].
    async fn replay(&self, id: &str) -> Result<(), QueueError>;

    /// Removes it for good.
    ///
    /// # Errors
    /// As [`Self::replay`].
    async fn discard(&self, id: &str) -> Result<(), QueueError>;
}

/// Dead letters that a worker may replay by itself. Only a broker's: it counts against a message
/// that a worker died with the message in hand, whatever the worker died of.
#[async_trait::async_trait]
pub trait AutoReplay: DeadLetters {
    /// Replays the letters with these ids as [`DeadLetters::replay`] does, oldest first, each
    /// marked for good as [`DeadLetter::auto_replayed`]. Ends early at the first fault. Answers the
    /// ids of those that it saw back in their topics and removed; of the others one at most may be
    /// in its topic too, and is a dead letter still.
    ///
    /// # Errors
    /// As [`DeadLetters::list`]; then nothing was replayed.
    async fn auto_replay(&self, ids: &[String]) -> Result<Vec<String>, QueueError>;
}

/// An engine. Cheap to clone through `Arc`; hands out publishers and consumers.
#[async_trait::async_trait]
pub trait Queue: Send + Sync {
    /// Connects and makes sure that everything the program needs exists.
    ///
    /// # Errors
    /// [`QueueError`]: unreachable (try again) or mismatch (an operator must act).
    async fn prepare(&self) -> Result<(), QueueError>;

    /// A publisher of its own connection. Connects lazily.
    fn publisher(&self) -> Box<dyn Publisher>;

    /// A consumer that holds at most `prefetch` unsettled messages. Connects lazily.
    fn consumer(&self, topic: Topic, prefetch: u16) -> Box<dyn Consumer>;

    /// Messages waiting in `topic`; `None` when it cannot be known just now.
    async fn depth(&self, topic: Topic) -> Option<u64>;

    /// The dead letters.
    fn dead_letters(&self) -> Box<dyn DeadLetters>;
}
