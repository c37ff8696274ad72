//! The RabbitMQ engine, and the only AMQP of the project. Works with 3.10 and later.
//!
//! "Stored" means confirmed by the broker and not returned. Every wait on the client library has
//! a deadline of ours, because it hangs on a silent peer and on a blocked connection; its own
//! recovery is left off, because it can hang too: a faulty connection is dropped, never mended.
//! Publishing and consuming never share a connection, and no channel is used by two tasks.

mod consume;
mod dead;
mod envelope;
mod link;
mod publish;
mod topology;

use crate::{Consumer, DeadLetters, Publisher, Queue, QueueError};
use consume::RabbitConsumer;
use dead::RabbitDeadLetters;
use link::{Dialer, Link};
use publish::RabbitPublisher;
use relink_config::RabbitMq;
use relink_core::wire::Topic;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A broker, or a cluster of them. Connects lazily.
pub struct RabbitQueue {
    dialer: Arc<Dialer>,
    window: usize,
    /// For declaring and counting; publishers and consumers have connections of their own.
    link: Mutex<Option<Link>>,
}

impl RabbitQueue {
    /// Sets up without connecting. `name` is shown in the broker's list of connections.
    pub fn new(config: RabbitMq, name: &str) -> Self {
        let window = config.publish_window.max(1);
        Self { dialer: Arc::new(Dialer::new(config, name)), window, link: Mutex::new(None) }
    }

    /// Declares everything on a kept connection, or a new one, and answers what waits in
    /// `topic`.
    async fn declared(&self, topic: Topic) -> Result<u64, QueueError> {
        let mut kept = self.link.lock().await;
        let link = match kept.take().filter(Link::is_usable) {
            Some(link) => link,
            None => self.dialer.dial("declare").await?,
        };
        let waiting = link.declare_topic(topic).await?;
        *kept = Some(link);
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
        Box::new(RabbitDeadLetters::new(Arc::clone(&self.dialer)))
    }
}
