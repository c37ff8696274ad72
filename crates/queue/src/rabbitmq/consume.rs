//! Consuming: one task owns the connection and the channel, gives messages out, and settles
//! them. A stream that ends without an error is a fault like any other (a deleted queue ends it
//! so): everything is declared again and consuming goes on.

use super::envelope::{buried, id_of, trace_of};
use super::link::{Dialer, Link, RPC, within};
use super::publish::{Outgoing, RabbitPublisher};
use crate::{Consumer, DeadReason, Delivery, Published, QueueError, Settlement};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use lapin::Acker;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::FieldTable;
use relink_core::retry::reconnect_wait;
use relink_core::wire::Topic;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Before a message that could not be handled is given back, so that it cannot spin.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The handle; the work is in a task of its own.
pub(crate) struct RabbitConsumer {
    ready: mpsc::Receiver<Delivery>,
    stop: CancellationToken,
    end: CancellationToken,
}

impl RabbitConsumer {
    pub(crate) fn start(dialer: Arc<Dialer>, topic: Topic, prefetch: u16) -> Self {
        let (sender, ready) = mpsc::channel(usize::from(prefetch));
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let owner = Owner {
            burier: RabbitPublisher::new(Arc::clone(&dialer), 1),
            dialer,
            topic,
            prefetch,
            ready: sender,
            stop: stop.clone(),
            end: end.clone(),
        };
        tokio::spawn(owner.run());
        Self { ready, stop, end }
    }
}

impl Drop for RabbitConsumer {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

#[async_trait::async_trait]
impl Consumer for RabbitConsumer {
    async fn next(&mut self) -> Delivery {
        match self.ready.recv().await {
            Some(delivery) => delivery,
            // The owner is gone only after `stop`: nothing will ever come.
            None => std::future::pending().await,
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.ready.try_recv().ok()
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        self.ready.close();
        // Dropped unsettled: the owner gives them back.
        while self.ready.try_recv().is_ok() {}
    }
}

/// What became of a message that was given out.
struct Settled {
    acker: Acker,
    settlement: Settlement,
    id: String,
    body: Bytes,
    trace: Option<relink_core::trace::TraceContext>,
}

struct Owner {
    dialer: Arc<Dialer>,
    burier: RabbitPublisher,
    topic: Topic,
    prefetch: u16,
    ready: mpsc::Sender<Delivery>,
    stop: CancellationToken,
    end: CancellationToken,
}

/// Why a connection was left.
enum Left {
    /// Told to; nothing is in hand any more.
    Ended,
    /// A fault; whatever was unsettled comes again.
    Fault(String),
}

impl Owner {
    async fn run(mut self) {
        let mut failures: u32 = 0;
        while !self.stop.is_cancelled() && !self.end.is_cancelled() {
            let why = match self.connected().await {
                Ok((link, stream)) => {
                    if failures > 0 {
                        tracing::info!(topic = %self.topic, failures, "consuming again");
                    }
                    failures = 0;
                    match self.consume(link, stream).await {
                        Left::Ended => return,
                        Left::Fault(why) => why,
                    }
                }
                Err(error) => error.to_string(),
            };
            failures += 1;
            if failures == 1 {
                tracing::warn!(topic = %self.topic, %why, "consuming is interrupted, reconnecting");
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = self.end.cancelled() => {}
                () = tokio::time::sleep(reconnect_wait(failures, crate::jitter())) => {}
            }
        }
    }

    async fn connected(&self) -> Result<(Link, lapin::Consumer), QueueError> {
        let link = self.dialer.dial(&format!("consume {}", self.topic)).await?;
        let qos = link.channel.basic_qos(self.prefetch, BasicQosOptions::default());
        within(&link.place, RPC, qos).await?;
        let queue = self.dialer.topology.queue(self.topic);
        let stream = link.channel.basic_consume(
            queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let stream = within(&link.place, RPC, stream).await?;
        Ok((link, stream))
    }

    /// Gives out and settles until told to end or the connection fails.
    async fn consume(&mut self, link: Link, mut stream: lapin::Consumer) -> Left {
        let mut in_hand: FuturesUnordered<BoxFuture<'static, Settled>> = FuturesUnordered::new();
        let mut taking = true;
        loop {
            if !taking && in_hand.is_empty() {
                return Left::Ended;
            }
            tokio::select! {
                biased;
                () = self.end.cancelled() => {
                    // Whoever held the rest is gone with the handle: settle what was said, and
                    // let the broker have back the others.
                    self.settle_what_was_said(&mut in_hand, &link).await;
                    return Left::Ended;
                }
                Some(settled) = in_hand.next() => {
                    if let Err(error) = self.settle(&link, settled).await {
                        return Left::Fault(error.to_string());
                    }
                }
                () = self.stop.cancelled(), if taking => {
                    taking = false;
                    let cancel = link.channel.basic_cancel(stream.tag(), BasicCancelOptions::default());
                    if let Err(error) = within(&link.place, RPC, cancel).await {
                        return Left::Fault(error.to_string());
                    }
                }
                next = stream.next(), if taking => match next {
                    Some(Ok(message)) => in_hand.push(self.give_out(message)),
                    Some(Err(error)) => return Left::Fault(error.to_string()),
                    None => return Left::Fault("the broker ended the subscription".into()),
                },
            }
        }
    }

    /// Hands a message to the consumer; the future is its settlement.
    fn give_out(&self, message: lapin::message::Delivery) -> BoxFuture<'static, Settled> {
        let (id, trace) = (id_of(&message.properties), trace_of(&message.properties));
        let (body, acker) = (Bytes::from(message.data), message.acker);
        let (settle, settled) = oneshot::channel();
        let delivery = Delivery::new(id.clone(), body.clone(), trace, message.redelivered, settle);
        // Never full: the broker sends no more than the prefetch, which is its capacity. Closed
        // while stopping: the delivery is dropped, which gives it back.
        let _ = self.ready.try_send(delivery);
        Box::pin(async move {
            // Dropped unsettled: given back.
            let settlement = settled.await.unwrap_or(Settlement::Retry);
            Settled { acker, settlement, id, body, trace }
        })
    }

    async fn settle_what_was_said(
        &mut self,
        in_hand: &mut FuturesUnordered<BoxFuture<'static, Settled>>,
        link: &Link,
    ) {
        while let Ok(Some(settled)) =
            tokio::time::timeout(Duration::from_millis(50), in_hand.next()).await
        {
            if self.settle(link, settled).await.is_err() {
                return;
            }
        }
    }

    async fn settle(&mut self, link: &Link, settled: Settled) -> Result<(), QueueError> {
        let Settled { acker, settlement, id, body, trace } = settled;
        match settlement {
            Settlement::Done => ack(link, &acker).await,
            Settlement::Retry if self.stop.is_cancelled() || self.end.is_cancelled() => {
                give_back(link, &acker).await
            }
            Settlement::Retry => {
                // Apart from this task, so that nothing else waits for the pause. The delivery
                // tag is dead when the connection is, and then the broker gives it back itself.
                let place = link.place.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(RETRY_PAUSE).await;
                    let nack = acker.nack(BasicNackOptions { requeue: true, ..Default::default() });
                    if let Err(error) = within(&place, RPC, nack).await {
                        tracing::debug!(%error, "could not give a message back by hand");
                    }
                });
                Ok(())
            }
            Settlement::Dead(reason) => {
                if self.bury(&id, &body, trace, reason).await {
                    ack(link, &acker).await
                } else {
                    tracing::error!(message.id = %id, "a message could not be buried, it stays in its queue");
                    give_back(link, &acker).await
                }
            }
        }
    }

    /// Publishes a copy with its reason to the dead queue. Only once that is confirmed may the
    /// original go.
    async fn bury(
        &mut self,
        id: &str,
        body: &[u8],
        trace: Option<relink_core::trace::TraceContext>,
        reason: DeadReason,
    ) -> bool {
        let exchange = self.dialer.topology.dead_exchange();
        let properties = buried(id, self.topic, trace, reason);
        let copy = [Outgoing { id, body, properties }];
        let published = self.burier.window(&exchange, self.topic.as_str(), &copy).await;
        published.first() == Some(&Published::Stored)
    }
}

async fn ack(link: &Link, acker: &Acker) -> Result<(), QueueError> {
    within(&link.place, RPC, acker.ack(BasicAckOptions::default())).await.map(drop)
}

async fn give_back(link: &Link, acker: &Acker) -> Result<(), QueueError> {
    let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
    within(&link.place, RPC, acker.nack(options)).await.map(drop)
}
