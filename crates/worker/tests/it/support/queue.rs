//! A queue in memory: deliveries whose end the scenario sees, a publisher that refuses on
//! command, and numbers to show.

use bytes::Bytes;
use relink_core::wire::{DueMessage, Topic};
use relink_queue::{
    Consumer, DeadLetter, DeadLetters, Delivery, OutMessage, PublishFault, Published, Publisher,
    Queue, QueueError, Settlement,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// The end of one delivery, as the queue sees it.
pub(crate) struct Receipt(oneshot::Receiver<Settlement>);

impl Receipt {
    /// The settlement; `None` when it was dropped unsettled and so comes back.
    pub(crate) async fn end(self) -> Option<Settlement> {
        super::soon("a delivery's end", self.0).await.ok()
    }

    /// As [`Self::end`], however long it takes on a paused clock.
    pub(crate) async fn end_whenever(self) -> Option<Settlement> {
        self.0.await.ok()
    }

    /// Whether it is still in hand.
    pub(crate) fn is_open(&mut self) -> bool {
        self.0.try_recv() == Err(oneshot::error::TryRecvError::Empty)
    }
}

/// A message in hand.
pub(crate) fn delivery(body: impl Into<Bytes>) -> (Delivery, Receipt) {
    let (settle, end) = oneshot::channel();
    (Delivery::new("message".into(), body.into(), None, false, settle), Receipt(end))
}

/// What the scenario puts in comes out of the consumer.
pub(crate) struct Inlet {
    deliveries: mpsc::UnboundedSender<Delivery>,
    pub(crate) stopped: Arc<AtomicBool>,
}

impl Inlet {
    pub(crate) fn put(&self, body: impl Into<Bytes>) -> Receipt {
        let (delivery, receipt) = delivery(body);
        self.deliveries.send(delivery).expect("the consumer has gone");
        receipt
    }

    pub(crate) fn put_due(&self, id: relink_core::id::NotificationId) -> Receipt {
        self.put(DueMessage::encode(id))
    }
}

pub(crate) struct FakeConsumer {
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    stopped: Arc<AtomicBool>,
}

pub(crate) fn consumer() -> (Box<FakeConsumer>, Inlet) {
    let (inlet, deliveries) = mpsc::unbounded_channel();
    let stopped = Arc::new(AtomicBool::new(false));
    let consumer = FakeConsumer { deliveries, stopped: Arc::clone(&stopped) };
    (Box::new(consumer), Inlet { deliveries: inlet, stopped })
}

#[async_trait::async_trait]
impl Consumer for FakeConsumer {
    async fn next(&mut self) -> Delivery {
        match self.deliveries.recv().await {
            Some(delivery) => delivery,
            None => std::future::pending().await,
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.deliveries.try_recv().ok()
    }

    async fn stop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// Keeps what it stored; refuses what the scenario says.
#[derive(Clone)]
pub(crate) struct FakePublisher {
    pub(crate) refused: Arc<Mutex<Vec<Topic>>>,
    published: mpsc::UnboundedSender<(Topic, OutMessage)>,
}

impl FakePublisher {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<(Topic, OutMessage)>) {
        let (published, out) = mpsc::unbounded_channel();
        (Self { refused: Arc::default(), published }, out)
    }
}

#[async_trait::async_trait]
impl Publisher for FakePublisher {
    async fn publish(&mut self, topic: Topic, batch: &[OutMessage]) -> Vec<Published> {
        assert!(!batch.is_empty(), "published nothing");
        if self.refused.lock().unwrap().contains(&topic) {
            return vec![Published::NotStored(PublishFault::Unreachable); batch.len()];
        }
        for message in batch {
            let _ = self.published.send((topic, message.clone()));
        }
        vec![Published::Stored; batch.len()]
    }
}

/// The numbers of a queue; `None` is a broker that cannot be reached.
#[derive(Default)]
pub(crate) struct FakeQueue {
    pub(crate) depth: Mutex<Option<u64>>,
    pub(crate) depth_asked: AtomicUsize,
    pub(crate) dead: Arc<Mutex<Option<u64>>>,
}

#[async_trait::async_trait]
impl Queue for FakeQueue {
    async fn prepare(&self) -> Result<(), QueueError> {
        Ok(())
    }
    fn publisher(&self) -> Box<dyn Publisher> {
        unreachable!("upkeep publishes nothing")
    }
    fn consumer(&self, _: Topic, _: u16) -> Box<dyn Consumer> {
        unreachable!("upkeep consumes nothing")
    }
    async fn depth(&self, _: Topic) -> Option<u64> {
        self.depth_asked.fetch_add(1, Ordering::SeqCst);
        *self.depth.lock().unwrap()
    }
    fn dead_letters(&self) -> Box<dyn DeadLetters> {
        Box::new(FakeLetters(Arc::clone(&self.dead)))
    }
}

struct FakeLetters(Arc<Mutex<Option<u64>>>);

#[async_trait::async_trait]
impl DeadLetters for FakeLetters {
    async fn list(&self, _: usize) -> Result<Vec<DeadLetter>, QueueError> {
        unreachable!("upkeep only counts")
    }
    async fn count(&self) -> Result<u64, QueueError> {
        self.0.lock().unwrap().ok_or_else(|| QueueError::Unreachable {
            place: "nowhere".into(),
            why: "on purpose".into(),
        })
    }
    async fn replay(&self, _: &str) -> Result<(), QueueError> {
        unreachable!("upkeep only counts")
    }
    async fn discard(&self, _: &str) -> Result<(), QueueError> {
        unreachable!("upkeep only counts")
    }
}
