//! A queue that calls everything stored and keeps nothing: forwarding happens in full and costs
//! what it costs us, and no broker's time is in the figure.

use relink_core::wire::Topic;
use relink_queue::{
    Consumer, DeadLetter, DeadLetters, Delivery, OutMessage, Published, Publisher, Queue,
    QueueError,
};

/// The whole engine.
pub(crate) struct SinkQueue;

#[async_trait::async_trait]
impl Queue for SinkQueue {
    async fn prepare(&self) -> Result<(), QueueError> {
        Ok(())
    }

    fn publisher(&self) -> Box<dyn Publisher> {
        Box::new(Self)
    }

    fn consumer(&self, _topic: Topic, _prefetch: u16) -> Box<dyn Consumer> {
        Box::new(Self)
    }

    async fn depth(&self, _topic: Topic) -> Option<u64> {
        Some(0)
    }

    fn dead_letters(&self) -> Box<dyn DeadLetters> {
        Box::new(Self)
    }
}

#[async_trait::async_trait]
impl Publisher for SinkQueue {
    async fn publish(&mut self, _topic: Topic, batch: &[OutMessage]) -> Vec<Published> {
        vec![Published::Stored; batch.len()]
    }
}

#[async_trait::async_trait]
impl Consumer for SinkQueue {
    async fn next(&mut self) -> Delivery {
        std::future::pending().await
    }

    fn try_next(&mut self) -> Option<Delivery> {
        None
    }

    async fn stop(&mut self) {}
}

#[async_trait::async_trait]
impl DeadLetters for SinkQueue {
    async fn list(&self, _limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(Vec::new())
    }

    async fn count(&self) -> Result<u64, QueueError> {
        Ok(0)
    }

    async fn replay(&self, id: &str) -> Result<(), QueueError> {
        Err(QueueError::NoSuchLetter(id.to_owned()))
    }

    async fn discard(&self, id: &str) -> Result<(), QueueError> {
        Err(QueueError::NoSuchLetter(id.to_owned()))
    }
}
