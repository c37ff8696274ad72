//! Flow 3: a due notification becomes an attempt. Cobalt is asked whether the account still needs
//! its person, then gate and intent in one transaction, then the provider, then the outcome, and only
//! then the queue forgets it.

use crate::ask_first::Next;
use crate::circuit::{Circuit, Leave};
use crate::metrics::Metrics;
use crate::outcomes::Outcomes;
use crate::patience::{GaveUp, Until, patiently};
use crate::plan::end_unreadable;
use crate::probe::Prober;
use crate::record::RECORD_PATIENCE;
use futures_util::FutureExt as _;
use relink_core::attempt::{Outcome, Reason};
use relink_core::breaker::Evidence;
use relink_core::fail_point::{FailPoint, reached};
use relink_core::id::{NotificationId, WorkerId};
use relink_core::sender::{MessageOrder, Sender, Sent};
use relink_core::wire::DueMessage;
use relink_queue::{Consumer, Delivery, Settlement};
use relink_store::{Begin, BeginRequest, Grouped, LookUpRequest, OpenAttempt, Store};
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// How long a delivery waits for its provider in the hand of a worker. Then it is let go: its row
/// in the store brings it back, and the queue need not wonder about it (RabbitMQ closes a channel
/// that keeps a message for 30 minutes, which counts against the message).
const HOLD: Duration = Duration::from_secs(10 * 60);

/// A channel's worker. Any number may run.
pub struct Courier {
    /// Where notifications live.
    pub store: Arc<dyn Store>,
    /// The same store, with concurrent writes sharing commits.
    pub grouped: Grouped,
    /// Where outcomes go that the store does not take; `None`: they wait in memory alone.
    pub outcomes: Option<Arc<Outcomes>>,
    /// The channel's provider.
    pub sender: Arc<dyn Sender>,
    /// Whether it is left alone just now.
    pub circuit: Arc<Circuit>,
    /// What asks Cobalt whether an account still needs its person; `None`: nobody is asked.
    pub prober: Option<Arc<Prober>>,
    /// What is counted.
    pub metrics: Metrics,
    /// Who holds the leases.
    pub worker: WorkerId,
    /// What links start with.
    pub public_url: String,
    /// How long a worker that fell silent keeps a notification; renewed while a send is under way.
    pub lease: Duration,
    /// Sends at once.
    pub concurrency: usize,
    /// How long sends in hand may take once the worker stops.
    pub drain: Duration,
}

impl Courier {
    /// Delivers until `stop`, then finishes what is in hand within `drain`.
    pub async fn run(self: Arc<Self>, mut consumer: Box<dyn Consumer>, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.concurrency.max(1)));
        let in_hand = TaskTracker::new();
        loop {
            // A slot first: what cannot be worked on yet stays in the queue, for others too.
            let slot = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                slot = Arc::clone(&slots).acquire_owned() => slot,
            };
            let Ok(slot) = slot else { break };
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                delivery = consumer.next() => delivery,
            };
            let courier = Arc::clone(&self);
            let stop = stop.clone();
            in_hand.spawn(async move {
                courier.deliver(delivery, &stop).await;
                drop(slot);
            });
        }
        consumer.stop().await;
        in_hand.close();
        if tokio::time::timeout(self.drain, in_hand.wait()).await.is_err() {
            tracing::warn!(
                in_hand = in_hand.len(),
                "sends were still in hand when the drain deadline passed; each is in doubt now"
            );
        }
    }

    /// One notification: room at the provider, a question to Cobalt, gate and intent, send, record,
    /// forget.
    pub async fn deliver(&self, delivery: Delivery, stop: &CancellationToken) {
        let mut leave = tokio::select! {
            biased;
            // Dropped unsettled: others may have a better way to the provider.
            () = stop.cancelled() => return,
            leave = self.circuit.room() => leave,
            () = tokio::time::sleep(HOLD) => return delivery.settle(Settlement::Done),
        };
        let id = match DueMessage::decode(&delivery.body) {
            Ok(due) => due.notification_id,
            Err(error) => return end_unreadable(delivery, &error, stop),
        };
        let begun = match self.ask_first(id, stop).await {
            Ok(Next::Gate) => self.begin(id, stop).await,
            Ok(Next::Later) => return delivery.settle(Settlement::Done),
            Err(gave_up) => Err(gave_up),
        };
        let begin = match begun {
            Ok(begin) => begin,
            // Dropped unsettled: it comes back to whoever works next.
            Err(GaveUp::OutOfTime(_)) => return,
            Err(GaveUp::Refused(error)) => {
                tracing::error!(notification.id = %id, %error, "the gate could not be asked");
                return delivery.settle(Settlement::Retry);
            }
        };
        match begin {
            Begin::NotNow => {}
            Begin::NotSent { step, state, reason } => {
                tracing::info!(notification.id = %id, %step, %state, %reason, "not sent");
                self.metrics.notification(self.sender.channel(), &step, state, reason);
            }
            Begin::Send(attempt) => self.attempt(&attempt, &mut leave).await,
            Begin::LookUp(attempt) => self.look_up(&attempt, &mut leave).await,
        }
        reached(FailPoint::BeforeAck);
        delivery.settle(Settlement::Done);
    }

    async fn begin(&self, id: NotificationId, stop: &CancellationToken) -> Result<Begin, GaveUp> {
        let request =
            || BeginRequest { notification_id: id, worker: self.worker.clone(), lease: self.lease };
        let until = Until::Stop(stop.clone());
        patiently("begin an attempt", &until, || async {
            // What is known of an attempt must be on record before anybody calls it a doubt.
            self.clear_outcomes(stop).await?;
            self.grouped.begin_one(request()).await
        })
        .await
    }

    /// Sends under the lease and records the outcome.
    async fn attempt(&self, attempt: &OpenAttempt, leave: &mut Leave) {
        let span = self.span(attempt, "attempt");
        async {
            let order = self.order(attempt);
            let started = Instant::now();
            let sent = self.holding_lease(attempt, self.send(&order)).await;
            leave.showed(Evidence::of_send(&sent.outcome));
            self.record(attempt, sent, started.elapsed()).await;
        }
        .instrument(span)
        .await;
    }

    /// A panic is the end of one attempt, and of nothing else.
    async fn send(&self, order: &MessageOrder) -> Sent {
        // What a send touches is its own, but for the sender, which every other send can bear.
        let send = AssertUnwindSafe(self.sender.send(order));
        send.catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("a send ended in a panic; whether the message went out is not known");
            Outcome::Unknown { reason: Reason::Crashed }.into()
        })
    }

    /// Searches the provider's list under the lease and records what it showed.
    async fn look_up(&self, attempt: &OpenAttempt, leave: &mut Leave) {
        let span = self.span(attempt, "look_up");
        async {
            let order = self.order(attempt);
            let search = self.sender.look_up(&order, attempt.begun_at);
            let found = self.holding_lease(attempt, search).await;
            leave.showed(Evidence::of_look_up(&found));
            tracing::info!(?found, "looked for an attempt in doubt");
            let notification = &attempt.snapshot.notification;
            let request = LookUpRequest {
                notification_id: notification.id,
                number: attempt.number,
                fence: notification.fence,
                found,
            };
            let until = Until::Elapsed(RECORD_PATIENCE);
            let recorded =
                patiently("record a look-up", &until, || self.store.finish_look_up(&request)).await;
            self.note(attempt, recorded);
        }
        .instrument(span)
        .await;
    }

    /// Runs `work` and renews the lease beside it, so that a slow relay is not taken for a dead
    /// worker, and a slow store does not hold up the relay.
    async fn holding_lease<T>(&self, attempt: &OpenAttempt, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            result = work => result,
            never = self.renew_for_ever(attempt) => match never {},
        }
    }

    async fn renew_for_ever(&self, attempt: &OpenAttempt) -> Infallible {
        let notification = &attempt.snapshot.notification;
        loop {
            tokio::time::sleep(self.lease / 3).await;
            match self.store.renew(notification.id, notification.fence, self.lease).await {
                Ok(true) => {}
                Ok(false) => tracing::warn!("the lease has passed to another worker"),
                Err(error) => tracing::warn!(%error, "the lease could not be renewed"),
            }
        }
    }

    fn order(&self, attempt: &OpenAttempt) -> MessageOrder {
        let snapshot = &attempt.snapshot;
        let contact = snapshot.contact.as_ref();
        MessageOrder {
            notification_id: snapshot.notification.id,
            case_id: snapshot.case.id,
            kind: snapshot.case.kind,
            reminder: attempt.reminder,
            address: attempt.address.clone(),
            locale: contact.and_then(|contact| contact.locale.clone()),
            name: contact.and_then(|contact| contact.name.clone()),
            link: attempt.link.url(&self.public_url),
            valid_for: attempt.valid_for,
        }
    }

    fn span(&self, attempt: &OpenAttempt, what: &'static str) -> tracing::Span {
        let notification = &attempt.snapshot.notification;
        tracing::info_span!(
            "attempt",
            what,
            message.key = %notification.id,
            case.id = %notification.case_id,
            attempt.number = attempt.number,
            channel = %notification.channel,
            step = %notification.step,
            address = %attempt.address.masked(),
            trace_id = attempt.trace.map(|trace| trace.trace_id()),
        )
    }
}
