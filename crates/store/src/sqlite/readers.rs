//! A few threads with read-only connections: listings and look-ups never wait for a commit and
//! never hold one up.

use super::connection;
use crate::StoreError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Enough that one slow listing does not hold up the next page of a person's link.
const READERS: usize = 2;

/// Jobs that may wait for one reader; beyond that callers wait to get in line.
const JOBS_WAITING: usize = 256;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the reading threads, which end when this is gone.
#[derive(Debug)]
pub(super) struct Readers {
    threads: Vec<mpsc::Sender<Job>>,
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let threads: Result<Vec<_>, StoreError> = (0..READERS).map(|_| start_one(path)).collect();
        Ok(Self { threads: threads?, next: AtomicUsize::new(0) })
    }

    /// Runs `work` on one consistent view of what is committed.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| drop(answer.send(in_one_view(connection, work))));
        let stopped = || StoreError::Unavailable("a reading thread has stopped".to_owned());
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % READERS;
        let thread = self.threads.get(turn).ok_or_else(stopped)?;
        thread.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn start_one(path: &Path) -> Result<mpsc::Sender<Job>, StoreError> {
    let connection = connection::for_reading(path)?;
    let (jobs, mut waiting) = mpsc::channel::<Job>(JOBS_WAITING);
    std::thread::Builder::new()
        .name("store-reader".to_owned())
        .spawn(move || {
            while let Some(job) = waiting.blocking_recv() {
                job(&connection);
            }
        })
        .map_err(|error| StoreError::Unavailable(format!("no thread to read on: {error}")))?;
    Ok(jobs)
}

/// Several statements of one answer must not see several moments.
fn in_one_view<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let view = connection.unchecked_transaction()?;
    work(&view)
    // Dropped: rolled back, which for reading is all the same.
}
