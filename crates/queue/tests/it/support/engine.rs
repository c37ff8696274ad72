//! Both engines, made afresh for one test.

use super::broker::{Broker, prefix};
use relink_config::RabbitMq;
use relink_core::masked::Secret;
use relink_core::seal::SealKey;
use relink_queue::Queue;
use relink_queue::embedded::EmbeddedQueue;
use relink_queue::rabbitmq::RabbitQueue;
use std::sync::Arc;
use std::time::Duration;

/// A queue of one test's own.
pub(crate) struct Engine {
    pub(crate) queue: Arc<dyn Queue>,
    _folder: Option<tempfile::TempDir>,
    _broker: Option<Broker>,
}

impl Engine {
    pub(crate) async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SealKey::from_bytes("test", &[7; 32]).unwrap();
        let queue = EmbeddedQueue::open(folder.path(), key, 64 << 20, 0.0).await.unwrap();
        Self { queue: Arc::new(queue), _folder: Some(folder), _broker: None }
    }

    pub(crate) async fn rabbitmq() -> Self {
        let broker = Broker::any().await;
        let queue = Arc::new(rabbit(&[broker.url()], &prefix()));
        Self { queue, _folder: None, _broker: Some(broker) }
    }
}

/// A client with a window of 40.
pub(crate) fn rabbit(urls: &[String], prefix: &str) -> RabbitQueue {
    let urls = urls.iter().map(|url| Secret::new(url.clone())).collect();
    let config = RabbitMq {
        urls,
        prefix: prefix.to_owned(),
        publish_window: 40,
        auto_replay_after: Duration::ZERO,
    };
    RabbitQueue::new(config, "relink test")
}
