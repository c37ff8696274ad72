//! The embedded engine.
#![allow(missing_docs, dead_code, unused_variables, clippy::todo)]

use crate::{Consumer, DeadLetter, DeadLetters, Publisher, Queue, QueueError};
use relink_core::seal::SealKey;
use relink_core::wire::Topic;
use std::path::Path;

pub struct EmbeddedQueue {}

impl EmbeddedQueue {
    pub async fn open(
        data_dir: &Path,
        key: SealKey,
        max_bytes: u64,
        min_free: f64,
    ) -> Result<Self, QueueError> {
        todo!()
    }
}

#[async_trait::async_trait]
impl Queue for EmbeddedQueue {
    async fn prepare(&self) -> Result<(), QueueError> {
        todo!()
    }
    fn publisher(&self) -> Box<dyn Publisher> {
        todo!()
    }
    fn consumer(&self, topic: Topic, prefetch: u16) -> Box<dyn Consumer> {
        todo!()
    }
    async fn depth(&self, topic: Topic) -> Option<u64> {
        todo!()
    }
    fn dead_letters(&self) -> Box<dyn DeadLetters> {
        todo!()
    }
}

pub struct EmbeddedDeadLetters {}

impl EmbeddedDeadLetters {
    pub fn at(data_dir: &Path, key: SealKey) -> Self {
        todo!()
    }
}

#[async_trait::async_trait]
impl DeadLetters for EmbeddedDeadLetters {
    async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        todo!()
    }
    async fn count(&self) -> Result<u64, QueueError> {
        todo!()
    }
    async fn replay(&self, id: &str) -> Result<(), QueueError> {
        todo!()
    }
    async fn discard(&self, id: &str) -> Result<(), QueueError> {
        todo!()
    }
}
