//! Flow 2: signals from the queue become cases and planned notifications. Database only, so a
//! slow mail relay can never delay it.

use crate::metrics::Metrics;
use crate::patience::{GaveUp, Until, patiently};
use relink_core::fail_point::{FailPoint, reached};
use relink_core::plan::SignalResult;
use relink_core::signal::Signal;
use relink_core::wire::{SignalMessage, WireError};
use relink_queue::{Consumer, DeadReason, Delivery, Settlement};
use relink_store::{Applied, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Signals applied in one transaction at most; also a sensible prefetch for the consumer.
pub const BATCH: usize = 100;

/// How long a message of a newer release is kept in hand before it is given back, perhaps to a
/// newer worker. With the queue's delivery limit of 20 this leaves an upgrade an hour; then the
/// message is a dead letter, which can be replayed.
const NEWER_WAIT: Duration = Duration::from_secs(180);

/// The planner. Any number may run.
pub struct Planner {
    /// Where cases live.
    pub store: Arc<dyn Store>,
    /// What is counted.
    pub metrics: Metrics,
    /// Told after every commit, so that what is due at once need not wait for the next look.
    pub planned: Arc<Notify>,
}

impl Planner {
    /// Applies signals until `stop`, then hands back what is not begun.
    pub async fn run(&self, mut consumer: Box<dyn Consumer>, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                delivery = consumer.next() => delivery,
            };
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Some(delivery) = consumer.try_next()
            {
                batch.push(delivery);
            }
            self.apply(batch, &stop).await;
        }
        consumer.stop().await;
    }

    /// One batch: read, apply in one transaction, settle each.
    pub async fn apply(&self, batch: Vec<Delivery>, stop: &CancellationToken) {
        let readable = self.read(batch, stop);
        if readable.is_empty() {
            return;
        }
        reached(FailPoint::BeforeApply);
        let signals: Vec<Signal> = readable.iter().map(|(signal, _)| signal.clone()).collect();
        let until = Until::Stop(stop.clone());
        match patiently("apply signals", &until, || self.store.apply_signals(&signals)).await {
            Ok(applied) => self.settle(readable, applied),
            // Dropped unsettled: the queue keeps them for the next process.
            Err(GaveUp::OutOfTime(_)) => {}
            Err(GaveUp::Refused(error)) if signals.len() > 1 => {
                tracing::error!(%error, "a batch of signals was refused, applying them one by one");
                self.one_by_one(readable, &until).await;
            }
            Err(GaveUp::Refused(error)) => bury_all(readable, &error),
        }
    }

    /// One bad signal must not take ninety-nine good ones with it.
    async fn one_by_one(&self, readable: Vec<(Signal, Delivery)>, until: &Until) {
        for (signal, delivery) in readable {
            let alone = std::slice::from_ref(&signal);
            match patiently("apply signal", until, || self.store.apply_signals(alone)).await {
                Ok(applied) => self.settle(vec![(signal, delivery)], applied),
                Err(GaveUp::OutOfTime(_)) => return,
                Err(GaveUp::Refused(error)) => bury_all(vec![(signal, delivery)], &error),
            }
        }
    }

    /// Splits what can be read from what cannot, and ends the latter.
    fn read(&self, batch: Vec<Delivery>, stop: &CancellationToken) -> Vec<(Signal, Delivery)> {
        let mut readable = Vec::with_capacity(batch.len());
        for delivery in batch {
            match SignalMessage::decode(&delivery.body) {
                Ok(message) => readable.push((message.signal, delivery)),
                Err(error) => end_unreadable(delivery, &error, stop),
            }
        }
        readable
    }

    fn settle(&self, readable: Vec<(Signal, Delivery)>, applied: Vec<Applied>) {
        let mut planned = 0;
        for ((signal, delivery), applied) in readable.into_iter().zip(applied) {
            self.metrics.signal(signal.kind, applied.result);
            planned += applied.planned;
            tracing::info!(
                event.id = %signal.event_id,
                event.kind = %signal.kind,
                trace_id = signal.trace.map(|trace| trace.trace_id()),
                result = %applied.result,
                case.id = applied.case_id.map(tracing::field::display),
                planned = applied.planned,
                "signal applied"
            );
            if applied.result == SignalResult::IdReused {
                tracing::warn!(
                    event.id = %signal.event_id,
                    "a known event id came with another content: nobody is told anything, and it \
                     is kept as a dead letter"
                );
            }
            delivery.settle(match applied.result {
                // A known id with another content: somebody must look at it.
                SignalResult::IdReused => Settlement::Dead(DeadReason::IdReused),
                SignalResult::Opened
                | SignalResult::Joined
                | SignalResult::Closed
                | SignalResult::Duplicate
                | SignalResult::Stale
                | SignalResult::Noted => Settlement::Done,
            });
        }
        if planned > 0 {
            self.planned.notify_one();
        }
    }
}

fn bury_all(readable: Vec<(Signal, Delivery)>, error: &relink_store::StoreError) {
    for (signal, delivery) in readable {
        tracing::error!(event.id = %signal.event_id, %error, "signal refused, kept as a dead letter");
        delivery.settle(Settlement::Dead(DeadReason::HandlerFailed));
    }
}

/// Ends a message that cannot be read: junk is buried at once, a newer release's is kept a
/// while and given back. Shared with the delivery workers.
pub(crate) fn end_unreadable(delivery: Delivery, error: &WireError, stop: &CancellationToken) {
    tracing::error!(message.id = %delivery.id, %error, "message cannot be read");
    match error {
        WireError::Malformed(_) => delivery.settle(Settlement::Dead(DeadReason::Malformed)),
        WireError::Newer(_) => {
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(NEWER_WAIT) => {}
                }
                delivery.settle(Settlement::Retry);
            });
        }
    }
}
