//! Many callers, few commits: whoever asks while a batch is under way shares the next one.
//!
//! Nobody is kept waiting for company: a batch is what has queued up when there is room for one
//! more under way. One fault in a batch is not everybody's: unless it passes by itself, each
//! request of that batch is then tried alone.

use crate::{Applied, Begin, BeginRequest, FinishRequest, Finished, Store, StoreError};
use relink_core::signal::Signal;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Requests in one batch at most.
const BATCH_MAX: usize = 64;

/// Batches of one kind under way at most: one more is made ready while another is being synced.
/// More would make them smaller, and a batch costs PostgreSQL almost the same whatever is in it
/// (measured with 16 emails at once: 4 instead of 2 send a fifth fewer).
const BATCHES_UNDER_WAY: usize = 2;

/// Requests of one kind that may wait; beyond that callers wait to get in line.
const WAITING_MAX: usize = 1024;

/// A store whose single writes are collected into batches. Clones share them.
#[derive(Clone, Debug)]
pub struct Grouped {
    signals: Line<Signal, Applied>,
    begins: Line<BeginRequest, Begin>,
    finishes: Line<FinishRequest, Finished>,
}

impl Grouped {
    /// Collects for `store`. Must be called in a Tokio runtime; the tasks it starts end when
    /// the last clone is gone.
    pub fn new(store: &Arc<dyn Store>) -> Self {
        let (for_signals, for_begins, for_finishes) =
            (Arc::clone(store), Arc::clone(store), Arc::clone(store));
        Self {
            signals: Line::start(move |batch| {
                let store = Arc::clone(&for_signals);
                Box::pin(async move { store.apply_signals(&batch).await })
            }),
            begins: Line::start(move |batch| {
                let store = Arc::clone(&for_begins);
                Box::pin(async move { store.begin(&batch).await })
            }),
            finishes: Line::start(move |batch| {
                let store = Arc::clone(&for_finishes);
                Box::pin(async move { store.finish(&batch).await })
            }),
        }
    }

    /// [`crate::SignalStore::apply_signals`] for one.
    ///
    /// # Errors
    /// It was not applied.
    pub async fn apply_one(&self, signal: Signal) -> Result<Applied, StoreError> {
        self.signals.ask(signal).await
    }

    /// [`crate::DeliveryStore::begin`] for one.
    ///
    /// # Errors
    /// Nothing was written; nothing may be sent.
    pub async fn begin_one(&self, request: BeginRequest) -> Result<Begin, StoreError> {
        self.begins.ask(request).await
    }

    /// [`crate::DeliveryStore::finish`] for one.
    ///
    /// # Errors
    /// Nothing was written; try again until the lease is near its end.
    pub async fn finish_one(&self, request: FinishRequest) -> Result<Finished, StoreError> {
        self.finishes.ask(request).await
    }
}

/// A request and where its answer goes.
type Asked<Q, A> = (Q, oneshot::Sender<Result<A, StoreError>>);

/// Does a batch; answers in the order of the requests.
type Work<Q, A> = dyn Fn(Vec<Q>) -> Pin<Box<dyn Future<Output = Result<Vec<A>, StoreError>> + Send>>
    + Send
    + Sync;

/// The queue in front of one kind of write.
#[derive(Debug)]
struct Line<Q, A> {
    asked: mpsc::Sender<Asked<Q, A>>,
}

impl<Q, A> Clone for Line<Q, A> {
    fn clone(&self) -> Self {
        Self { asked: self.asked.clone() }
    }
}

impl<Q: Clone + Send + Sync + 'static, A: Send + 'static> Line<Q, A> {
    fn start<W>(work: W) -> Self
    where
        W: Fn(Vec<Q>) -> Pin<Box<dyn Future<Output = Result<Vec<A>, StoreError>> + Send>>
            + Send
            + Sync
            + 'static,
    {
        let (asked, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(serve(waiting, Arc::new(work)));
        Self { asked }
    }

    async fn ask(&self, request: Q) -> Result<A, StoreError> {
        let stopped = || StoreError::Unavailable("the store is being closed".to_owned());
        let (answer, answered) = oneshot::channel();
        self.asked.send((request, answer)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn serve<Q, A>(mut waiting: mpsc::Receiver<Asked<Q, A>>, work: Arc<Work<Q, A>>)
where
    Q: Clone + Send + Sync + 'static,
    A: Send + 'static,
{
    let room = Arc::new(Semaphore::new(BATCHES_UNDER_WAY));
    // Room first, requests after: what comes in while there is none makes the batch larger.
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let mut batch = Vec::new();
        if waiting.recv_many(&mut batch, BATCH_MAX).await == 0 {
            return;
        }
        let work = Arc::clone(&work);
        tokio::spawn(async move {
            answer_all(batch, &*work).await;
            drop(permit);
        });
    }
}

async fn answer_all<Q: Clone, A>(batch: Vec<Asked<Q, A>>, work: &Work<Q, A>) {
    let (requests, answers): (Vec<Q>, Vec<_>) = batch.into_iter().unzip();
    match work(requests.clone()).await {
        Ok(results) => {
            // A caller that has gone away has no use for the answer.
            answers.into_iter().zip(results).for_each(|(to, result)| drop(to.send(Ok(result))));
        }
        Err(error) if error.is_passing() || answers.len() == 1 => {
            answers.into_iter().for_each(|to| drop(to.send(Err(error.clone()))));
        }
        Err(_) => {
            for (request, to) in requests.into_iter().zip(answers) {
                drop(to.send(alone(request, work).await));
            }
        }
    }
}

async fn alone<Q, A>(request: Q, work: &Work<Q, A>) -> Result<A, StoreError> {
    let results = work(vec![request]).await?;
    let missing = || StoreError::Refused("one request got no answer".to_owned());
    results.into_iter().next().ok_or_else(missing)
}

#[cfg(test)]
#[path = "grouped_tests.rs"]
mod tests;
