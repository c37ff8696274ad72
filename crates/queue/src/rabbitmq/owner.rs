//! Consuming: one task owns the connection and the channel, gives messages out, and settles
//! them. A stream that ends without an error is a fault like any other (a deleted queue ends it
//! so): everything is declared again and consuming goes on.

use super::consume::Ready;
use super::envelope::{buried, id_of, trace_of};
use super::link::{Dialer, Link, RPC, within};
use super::publish::{Outgoing, RabbitPublisher};
use crate::{DeadReason, Delivery, Published, QueueError, Settlement};
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
use relink_core::trace::TraceContext;
use relink_core::wire::Topic;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Before a message that could not be handled is given back, and between two tries to bury one,
/// so that neither can spin.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A connection that held so long was good: the waits between reconnects start anew.
const STEADY: Duration = Duration::from_secs(10);

/// After the broker ended a subscription, which it does when the queue was deleted. A queue that is
/// declared again before the broker has told all its consumers takes their subscriptions over, and
/// then delivers nothing to them (seen with 3.10).
const QUEUE_GONE_PAUSE: Duration = Duration::from_secs(1);

/// So long without any message, the subscription is renewed: the only cure for one that the broker
/// keeps and no longer serves.
const QUIET: Duration = Duration::from_secs(10 * 60);

/// So long without any message, the queue is asked whether some wait in it all the same: then the
/// subscription is such a one, and is renewed at once. Well within the time after which what is due
/// is published again.
const LOOK: Duration = Duration::from_secs(20);

/// How long an ended consumer's settlements are collected; they are there already.
const LAST_WORDS: Duration = Duration::from_millis(50);

pub(crate) struct Owner {
    dialer: Arc<Dialer>,
    burier: RabbitPublisher,
    topic: Topic,
    prefetch: u16,
    ready: Arc<Ready>,
}

/// Messages that were given out, each with the future of its settlement.
type InHand = FuturesUnordered<BoxFuture<'static, Settled>>;

/// What became of a message that was given out.
struct Settled {
    acker: Acker,
    settlement: Settlement,
    id: String,
    body: Bytes,
    trace: Option<TraceContext>,
}

/// Why a connection was left.
enum Left {
    /// Told to; nothing is in hand any more.
    Ended,
    /// Nothing came for long, and nothing is in hand.
    Quiet,
    /// The broker ended the subscription.
    QueueGone,
    /// A fault; whatever was unsettled comes again.
    Fault(String),
}

impl Owner {
    pub(crate) fn new(dialer: Arc<Dialer>, topic: Topic, prefetch: u16, ready: Arc<Ready>) -> Self {
        let burier = RabbitPublisher::new(Arc::clone(&dialer), 1);
        Self { dialer, burier, topic, prefetch, ready }
    }

    /// Consumes until `stop`, and settles until nothing is in hand any more or `end`.
    pub(crate) async fn run(mut self, stop: CancellationToken, end: CancellationToken) {
        let mut failures: u32 = 0;
        while !stop.is_cancelled() {
            let connected = tokio::select! {
                () = stop.cancelled() => return,
                connected = self.connected() => connected,
            };
            let mut pause = Duration::ZERO;
            let why = match connected {
                Ok((link, stream)) => {
                    if failures > 0 {
                        tracing::info!(topic = %self.topic, failures, "consuming again");
                    }
                    let since = Instant::now();
                    let left = self.consume(&link, stream, &stop, &end).await;
                    self.ready.clear();
                    if since.elapsed() >= STEADY {
                        failures = 0;
                    }
                    match left {
                        Left::Ended => return,
                        Left::Quiet => continue,
                        Left::QueueGone => {
                            pause = QUEUE_GONE_PAUSE;
                            "the broker ended the subscription".to_owned()
                        }
                        Left::Fault(why) => why,
                    }
                }
                Err(error) => error.to_string(),
            };
            failures = failures.saturating_add(1);
            if failures == 1 {
                tracing::warn!(topic = %self.topic, %why, "consuming is interrupted, reconnecting");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause + reconnect_wait(failures, crate::jitter())) => {}
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
    async fn consume(
        &mut self,
        link: &Link,
        mut stream: lapin::Consumer,
        stop: &CancellationToken,
        end: &CancellationToken,
    ) -> Left {
        let mut in_hand = InHand::new();
        let mut taking = true;
        let mut quiet_until = Instant::now() + QUIET;
        let mut look_at = Instant::now() + LOOK;
        while taking || !in_hand.is_empty() {
            let settled = tokio::select! {
                biased;
                () = end.cancelled() => {
                    // Whoever held the rest is gone with the handle: settle what was said, and
                    // let the broker have back the others with the connection.
                    self.settle_what_was_said(&mut in_hand, link, stop).await;
                    return Left::Ended;
                }
                Some(settled) = in_hand.next() => self.settle(link, settled, stop).await,
                () = stop.cancelled(), if taking => {
                    taking = false;
                    unsubscribe(link, &mut stream).await.map(|()| None)
                }
                next = stream.next(), if taking => match next {
                    Some(Ok(message)) => {
                        quiet_until = Instant::now() + QUIET;
                        look_at = Instant::now() + LOOK;
                        in_hand.push(self.give_out(message, stop.clone()));
                        Ok(None)
                    }
                    Some(Err(error)) => return Left::Fault(error.to_string()),
                    None => return Left::QueueGone,
                },
                () = tokio::time::sleep_until(look_at), if taking && in_hand.is_empty() => {
                    look_at = Instant::now() + LOOK;
                    match link.declare_topic(self.topic).await {
                        Ok(0) if Instant::now() < quiet_until => Ok(None),
                        Ok(_) => return Left::Quiet,
                        Err(error) => Err(error),
                    }
                }
            };
            match settled {
                Ok(None) => {}
                Ok(Some(again)) => in_hand.push(Box::pin(later(again, stop.clone()))),
                Err(error) => return Left::Fault(error.to_string()),
            }
        }
        Left::Ended
    }

    /// Hands a message to the consumer; the future is its settlement.
    fn give_out(
        &self,
        message: lapin::message::Delivery,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Settled> {
        let (id, trace) = (id_of(&message.properties), trace_of(&message.properties));
        let (body, acker) = (Bytes::from(message.data), message.acker);
        let (settle, settled) = oneshot::channel();
        let delivery = Delivery::new(id.clone(), body.clone(), trace, message.redelivered, settle);
        self.ready.push(delivery);
        Box::pin(async move {
            // Dropped unsettled: given back.
            let settlement = settled.await.unwrap_or(Settlement::Retry);
            let pause = settlement == Settlement::Retry;
            let settled = Settled { acker, settlement, id, body, trace };
            if pause { later(settled, stop).await } else { settled }
        })
    }

    async fn settle_what_was_said(
        &mut self,
        in_hand: &mut InHand,
        link: &Link,
        stop: &CancellationToken,
    ) {
        while let Ok(Some(settled)) = tokio::time::timeout(LAST_WORDS, in_hand.next()).await {
            if self.settle(link, settled, stop).await.is_err() {
                return;
            }
        }
    }

    /// Ends a delivery. `Some`: not yet, try again later.
    async fn settle(
        &mut self,
        link: &Link,
        settled: Settled,
        stop: &CancellationToken,
    ) -> Result<Option<Settled>, QueueError> {
        match settled.settlement {
            Settlement::Done => ack(link, &settled.acker).await?,
            Settlement::Retry => give_back(link, &settled.acker).await?,
            Settlement::Dead(reason) => {
                if self.bury(&settled, reason).await {
                    ack(link, &settled.acker).await?;
                } else if stop.is_cancelled() {
                    give_back(link, &settled.acker).await?;
                } else {
                    tracing::error!(message.id = %settled.id, "a message cannot be buried just now");
                    // Kept in hand: giving it back would use up its deliveries.
                    return Ok(Some(settled));
                }
            }
        }
        Ok(None)
    }

    /// Publishes a copy with its reason to the dead queue. Only once that is confirmed may the
    /// original go.
    async fn bury(&mut self, settled: &Settled, reason: DeadReason) -> bool {
        let exchange = self.dialer.topology.dead_exchange();
        let properties = buried(&settled.id, self.topic, settled.trace, reason);
        let copy = [Outgoing { body: &settled.body, properties }];
        let published = self.burier.window(&exchange, self.topic.as_str(), &copy).await;
        published.first() == Some(&Published::Stored)
    }
}

/// The same settlement after a pause, or at once when the consumer stops.
async fn later(settled: Settled, stop: CancellationToken) -> Settled {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(RETRY_PAUSE) => {}
    }
    settled
}

/// Takes no more, and gives back what was sent before the broker heard of it.
async fn unsubscribe(link: &Link, stream: &mut lapin::Consumer) -> Result<(), QueueError> {
    let cancel = link.channel.basic_cancel(stream.tag(), BasicCancelOptions::default());
    within(&link.place, RPC, cancel).await?;
    // Ends by itself: the library closes the stream behind the last message.
    while let Ok(Some(Ok(message))) = tokio::time::timeout(RPC, stream.next()).await {
        give_back(link, &message.acker).await?;
    }
    Ok(())
}

async fn ack(link: &Link, acker: &Acker) -> Result<(), QueueError> {
    within(&link.place, RPC, acker.ack(BasicAckOptions::default())).await.map(drop)
}

async fn give_back(link: &Link, acker: &Acker) -> Result<(), QueueError> {
    let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
    within(&link.place, RPC, acker.nack(options)).await.map(drop)
}
