//! A part of a broker that nobody else uses: a prefix, set up by the queue crate itself, so that
//! its queues have exactly the arguments that the program's have; emptied between rounds, removed
//! at the end.

use anyhow::Context as _;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions, QueuePurgeOptions};
use lapin::{Channel, Connection, ConnectionProperties};
use relink_config::RabbitMq;
use relink_core::masked::Secret;
use relink_core::wire::Topic;
use relink_queue::Queue as _;
use relink_queue::rabbitmq::RabbitQueue;

/// A prefix and a connection to look after it.
pub(crate) struct Corner {
    pub(crate) url: String,
    pub(crate) prefix: String,
    connection: Connection,
}

impl Corner {
    /// Declares everything under a new prefix.
    pub(crate) async fn new(url: &str, window: usize) -> anyhow::Result<Self> {
        let prefix = crate::settings::unique("relink-bench-");
        let corner = Self { url: url.to_owned(), prefix, connection: connect(url).await? };
        corner.queue(window).prepare().await.context("the queues cannot be declared")?;
        Ok(corner)
    }

    /// A corner that a program will declare by itself.
    pub(crate) async fn undeclared(url: &str) -> anyhow::Result<Self> {
        let prefix = crate::settings::unique("relink-bench-");
        Ok(Self { url: url.to_owned(), prefix, connection: connect(url).await? })
    }

    /// The program's engine on this corner.
    pub(crate) fn queue(&self, window: usize) -> RabbitQueue {
        let config = RabbitMq {
            urls: vec![Secret::new(self.url.clone())],
            prefix: self.prefix.clone(),
            publish_window: window,
            auto_replay_after: std::time::Duration::ZERO,
        };
        RabbitQueue::new(config, "relink-bench")
    }

    /// Empties the queue of `topic` and answers how many messages were in it.
    pub(crate) async fn empty(&self, topic: Topic) -> anyhow::Result<u32> {
        let channel = self.channel().await?;
        let queue = self.queue_name(topic.as_str());
        let options = QueuePurgeOptions::default();
        channel.queue_purge(queue.into(), options).await.context("the queue cannot be emptied")
    }

    /// Removes every queue and exchange of the prefix.
    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        let channel = self.channel().await?;
        let queues = Topic::ALL.iter().map(|topic| topic.as_str()).chain(["dead"]);
        for queue in queues {
            let options = QueueDeleteOptions::default();
            channel.queue_delete(self.queue_name(queue).into(), options).await?;
        }
        for exchange in [self.prefix.clone(), self.queue_name("dead")] {
            let options = ExchangeDeleteOptions::default();
            channel.exchange_delete(exchange.into(), options).await?;
        }
        self.connection.close(200, "done".into()).await?;
        Ok(())
    }

    async fn channel(&self) -> anyhow::Result<Channel> {
        self.connection.create_channel().await.context("no channel to the broker")
    }

    fn queue_name(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }
}

/// A connection as the bare library makes it.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Connection> {
    Connection::connect(url, ConnectionProperties::default())
        .await
        .context("the broker cannot be reached")
}
