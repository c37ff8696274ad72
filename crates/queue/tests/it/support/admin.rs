//! A second client on the broker, for what an operator or another program may do to a queue.

use lapin::options::{
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, Connection, ConnectionProperties};

pub(crate) struct Admin {
    pub(crate) channel: Channel,
    _connection: Connection,
}

impl Admin {
    pub(crate) async fn connect(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { channel, _connection: connection }
    }

    pub(crate) async fn unbind(&self, prefix: &str, topic: &str) {
        let (queue, none) = (format!("{prefix}.{topic}"), FieldTable::default());
        let unbound = self.channel.queue_unbind(queue.into(), prefix.into(), topic.into(), none);
        unbound.await.unwrap();
    }

    pub(crate) async fn bind(&self, prefix: &str, topic: &str) {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        let queue = format!("{prefix}.{topic}");
        let bound =
            self.channel.queue_bind(queue.into(), prefix.into(), topic.into(), options, none);
        bound.await.unwrap();
    }

    pub(crate) async fn delete_queue(&self, queue: &str) {
        let deleted = self.channel.queue_delete(queue.into(), QueueDeleteOptions::default());
        deleted.await.unwrap();
    }

    pub(crate) async fn delete_exchange(&self, exchange: &str) {
        let deleted =
            self.channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default());
        deleted.await.unwrap();
    }

    /// A quorum queue with one more argument than this.
    pub(crate) async fn declare_queue(&self, queue: &str, argument: &str, value: i64) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(LongString::from("quorum")));
        arguments.insert(argument.into(), AMQPValue::LongLongInt(value));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(queue.into(), options, arguments).await.unwrap();
    }
}
