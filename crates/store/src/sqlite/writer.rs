//! One thread, one connection, one commit for everything that waits.
//!
//! A job runs inside a savepoint of its own, so that its error undoes only itself. Answers are
//! sent after the commit and never before: an answer is a promise. A job once handed over runs
//! to its end even if nobody waits for it any more.

use crate::StoreError;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; beyond that callers wait to get in line.
const JOBS_WAITING: usize = 1024;

/// Jobs that share one commit at most, so that the first of them is not kept waiting.
const JOBS_PER_COMMIT: usize = 256;

/// Runs in the transaction, or is told why there is none; leaves the answer to be given.
type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;

/// Answers the caller, given how the commit went.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The way to the writing thread, which ends when the last of these is gone.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(JOBS_WAITING);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&connection, waiting))
            .map_err(|error| StoreError::Unavailable(format!("no thread to write on: {error}")))?;
        Ok(Self { jobs })
    }

    /// Runs `work` in the next transaction; answers after its commit.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = transaction.and_then(|connection| in_savepoint(connection, work));
            // A caller that has gone away has no use for the answer.
            Box::new(move |committed| drop(answer.send(committed.and(result))))
        });
        let stopped = || StoreError::Unavailable("the writing thread has stopped".to_owned());
        self.jobs.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn serve(connection: &Connection, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(JOBS_PER_COMMIT);
    while waiting.blocking_recv_many(&mut jobs, JOBS_PER_COMMIT) > 0 {
        let (answers, committed) = in_one_commit(connection, jobs.drain(..));
        for answer in answers {
            answer(committed.clone());
        }
    }
}

fn in_one_commit(
    connection: &Connection,
    jobs: impl Iterator<Item = Job>,
) -> (Vec<Answer>, Result<(), StoreError>) {
    // IMMEDIATE: a transaction that starts by reading could find, on its first write, that
    // somebody else was faster, and no waiting would help it.
    let mut transaction = command(connection, "BEGIN IMMEDIATE");
    let mut answers = Vec::new();
    for job in jobs {
        answers.push(job(transaction.clone().map(|()| connection)));
        if transaction.is_ok() && connection.is_autocommit() {
            // SQLite undoes the whole transaction by itself when the disk is full or fails.
            transaction = Err(StoreError::Disk(
                "the transaction was undone: the disk is full or failing".to_owned(),
            ));
        }
    }
    let committed = transaction.and_then(|()| command(connection, "COMMIT"));
    if committed.is_err() && !connection.is_autocommit() {
        // If even this fails the next BEGIN does too, and says why.
        drop(command(connection, "ROLLBACK"));
    }
    (answers, committed)
}

/// Runs `work` so that its error, or its panic, undoes what it wrote and nothing else.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    command(connection, "SAVEPOINT job")?;
    let result = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|_| {
        // The panic has been reported by the program's hook; the other jobs go on.
        Err(StoreError::Refused("a fault in the store's own code; see the log".to_owned()))
    });
    if result.is_err() && !connection.is_autocommit() {
        command(connection, "ROLLBACK TO job")?;
    }
    if !connection.is_autocommit() {
        command(connection, "RELEASE job")?;
    }
    result
}

fn command(connection: &Connection, sql: &'static str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
