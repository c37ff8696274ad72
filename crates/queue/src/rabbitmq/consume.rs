//! The handle of a consumer, and what lies ready between it and its [`super::owner`].
//!
//! Messages of a lost connection are taken back from here: the broker delivers them again, and
//! a second copy beside the first would be more than the prefetch, and could not be settled.

use super::link::Dialer;
use super::owner::Owner;
use crate::{Consumer, Delivery};
use relink_core::wire::Topic;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The handle; the work is in a task of its own.
pub(crate) struct RabbitConsumer {
    ready: Arc<Ready>,
    stop: CancellationToken,
    end: CancellationToken,
}

impl RabbitConsumer {
    pub(crate) fn start(dialer: Arc<Dialer>, topic: Topic, prefetch: u16) -> Self {
        let ready = Arc::new(Ready::default());
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let owner = Owner::new(dialer, topic, prefetch, Arc::clone(&ready));
        tokio::spawn(owner.run(stop.clone(), end.clone()));
        Self { ready, stop, end }
    }
}

impl Drop for RabbitConsumer {
    fn drop(&mut self) {
        self.ready.close();
        self.stop.cancel();
        self.end.cancel();
    }
}

#[async_trait::async_trait]
impl Consumer for RabbitConsumer {
    async fn next(&mut self) -> Delivery {
        loop {
            if let Some(delivery) = self.ready.pop() {
                return delivery;
            }
            self.ready.arrived.notified().await;
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.ready.pop()
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        self.ready.close();
    }
}

/// What was received and not taken yet, in order; never more than the prefetch, because the
/// broker sends no more.
#[derive(Default)]
pub(crate) struct Ready {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    closed: bool,
}

impl Ready {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Each change in there is complete by itself.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lays a message ready. Once closed it is dropped, which gives it back.
    pub(crate) fn push(&self, delivery: Delivery) {
        let mut waiting = self.waiting();
        if !waiting.closed {
            waiting.deliveries.push_back(delivery);
            self.arrived.notify_one();
        }
    }

    fn pop(&self) -> Option<Delivery> {
        self.waiting().deliveries.pop_front()
    }

    /// Drops what lies here.
    pub(crate) fn clear(&self) {
        self.waiting().deliveries.clear();
    }

    fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.deliveries.clear();
    }
}
