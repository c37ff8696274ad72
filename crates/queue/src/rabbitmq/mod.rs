//! The RabbitMQ engine, and the only AMQP of the project. Works with 3.10 and later.
//!
//! "Stored" means confirmed by the broker and not returned. Every wait on the client library has
//! a deadline of ours, because it hangs on a silent peer and on a blocked connection; its own
//! recovery is left off, because it can hang too: a faulty connection is dropped, never mended.
//! Publishing and consuming never share a connection, and no channel is used by two tasks.

mod consume;
mod control;
mod dead;
mod envelope;
mod events;
mod link;
mod on_the_way;
mod owner;
mod ownership;
mod publish;
mod topology;
mod wire;

use crate::{AutoReplay, Consumer, DeadLetters, Publisher, Queue, QueueError};
use consume::RabbitConsumer;
use control::Control;
use dead::RabbitDeadLetters;
use link::Dialer;
use publish::RabbitPublisher;
use relink_config::RabbitMq;
use relink_core::wire::Topic;
use std::sync::Arc;

pub use events::RabbitEvents;
pub use ownership::{GHOST, Ownership};

/// A broker, or a cluster of them. Connects lazily.
pub struct RabbitQueue {
    dialer: Arc<Dialer>,
    window: usize,
    /// For declaring and counting; publishers and consumers have connections of their own.
    control: Arc<Control>,
}

impl RabbitQueue {
    /// Sets up without connecting. `name` is shown in the broker's list of connections.
    pub fn new(config: RabbitMq, name: &str) -> Self {
        let window = config.publish_window.max(1);
        let dialer = Arc::new(Dialer::new(config, name));
        Self { control: Arc::new(Control::new(Arc::clone(&dialer))), dialer, window }
    }

    /// Claims `what` for this process, among all that use the same prefix on the same brokers. The
    /// claim ends with the value, and with its connection.
    ///
    /// # Errors
    /// [`QueueError::Taken`]: somebody has it, perhaps somebody who died less than [`GHOST`] ago;
    /// [`QueueError::Unreachable`], [`QueueError::Mismatch`].
    pub async fn own(&self, what: &str) -> Result<Ownership, QueueError> {
        Ownership::claim(&self.dialer, what).await
    }

    /// The dead letters, for whoever replays some of them without an operator.
    pub fn auto_replay(&self) -> Box<dyn AutoReplay> {
        Box::new(self.letters())
    }

    /// Publishes events for the customer's own consumers.
    pub fn events(&self) -> RabbitEvents {
        RabbitEvents::new(Arc::clone(&self.dialer))
    }

    fn letters(&self) -> RabbitDeadLetters {
        RabbitDeadLetters::new(Arc::clone(&self.control))
    }

    /// Declares a topic's queue, or everything on a new connection, and answers what waits in it.
    async fn declared(&self, topic: Topic) -> Result<u64, QueueError> {
        let control = self.control.link().await?;
        let waiting = control.link.declare_topic(topic).await?;
        control.keep();
        Ok(waiting)
    }
}

#[async_trait::async_trait]
impl Queue for RabbitQueue {
    async fn prepare(&self) -> Result<(), QueueError> {
        // Declaring one queue again proves the connection; a new connection declares all.
        self.declared(Topic::Signals).await.map(drop)
    }

    fn publisher(&self) -> Box<dyn Publisher> {
        Box::new(RabbitPublisher::new(Arc::clone(&self.dialer), self.window))
    }

    fn consumer(&self, topic: Topic, prefetch: u16) -> Box<dyn Consumer> {
        Box::new(RabbitConsumer::start(Arc::clone(&self.dialer), topic, prefetch.max(1)))
    }

    async fn depth(&self, topic: Topic) -> Option<u64> {
        self.declared(topic).await.ok()
    }

    fn dead_letters(&self) -> Box<dyn DeadLetters> {
        Box::new(self.letters())
    }
}
