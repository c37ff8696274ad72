//! One transaction: a round trip that begins it and reads, a decision, a round trip that writes
//! and commits it.
//!
//! It runs in a task of its own, so that a caller who leaves cannot cancel it half-way, under a
//! deadline of its own, so that a server that fell silent holds nobody. Whatever ends it early,
//! its connection is rolled back or closed, never handed to the next caller inside it.

use super::connect::Lease;
use super::error::Failure;
use crate::{Clock, StoreError};
use deadpool_postgres::Pool;
use futures_util::future::{BoxFuture, join_all};
use relink_core::Timestamp;
use relink_core::policy::Rules;
use relink_core::seal::KeyRing;
use relink_core::time::{from_millis, to_millis};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

/// The longest a call may take, waiting for a connection and every repetition included.
const DEADLINE: Duration = Duration::from_secs(15);

/// How long a failed transaction may take to be rolled back before its connection is closed.
const ROLLBACK_DEADLINE: Duration = Duration::from_secs(1);

/// How often a transaction that met another is run in all.
const TRIES: u32 = 5;

/// The pause after the first meeting; doubles with each.
const PAUSE: Duration = Duration::from_millis(10);

/// The database's own clock, read at the end of a round trip of reads: after every lock.
pub(super) const NOW: Query<'static> = Query { sql: sql!("now"), params: Vec::new() };

/// One statement and what is bound to it.
pub(super) struct Query<'a> {
    pub(super) sql: &'static str,
    pub(super) params: Vec<&'a (dyn ToSql + Sync)>,
}

/// Names a statement and what is bound to it.
pub(super) fn query<'a>(sql: &'static str, params: &[&'a (dyn ToSql + Sync)]) -> Query<'a> {
    Query { sql, params: params.to_vec() }
}

/// What every transaction may need besides its arguments.
#[derive(Clone)]
pub(super) struct Database {
    pool: Pool,
    rules: Arc<Rules>,
    keys: Arc<KeyRing>,
    clock: Clock,
}

/// What a transaction does with its arguments.
pub(super) type Work<A, T> =
    for<'a> fn(&'a Transaction, &'a A) -> BoxFuture<'a, Result<T, Failure>>;

impl Database {
    pub(super) fn new(pool: Pool, rules: Arc<Rules>, keys: KeyRing, clock: Clock) -> Self {
        Self { pool, rules, keys: Arc::new(keys), clock }
    }

    /// Runs `work` to its end, whether or not the caller waits for it, and again when it met
    /// another transaction.
    ///
    /// # Errors
    /// Nothing was written; or, when the connection or the deadline broke off between `COMMIT`
    /// and its answer, [`StoreError::Unavailable`] although it may have been.
    pub(super) async fn run<A, T>(&self, args: A, work: Work<A, T>) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run_within(DEADLINE, args, work).await
    }

    /// [`Self::run`] with another deadline.
    pub(super) async fn run_within<A, T>(
        &self,
        deadline: Duration,
        args: A,
        work: Work<A, T>,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let database = self.clone();
        let task = tokio::spawn(async move {
            match tokio::time::timeout(deadline, database.repeat(&args, work)).await {
                Ok(done) => done.map_err(StoreError::from),
                Err(_) => Err(StoreError::Unavailable(format!(
                    "PostgreSQL did not finish a transaction within {} s",
                    deadline.as_secs()
                ))),
            }
        });
        task.await.unwrap_or_else(|error| {
            let what = format!("a transaction ended abnormally: {error}");
            // Cancelled only by the end of the whole runtime.
            Err(if error.is_cancelled() {
                StoreError::Unavailable(what)
            } else {
                StoreError::Refused(what)
            })
        })
    }

    async fn repeat<A, T>(&self, args: &A, work: Work<A, T>) -> Result<T, Failure> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.once(args, work).await {
                Err(failure) if failure.is_conflict() => {
                    let error = StoreError::from(failure);
                    tracing::debug!(%error, "a transaction met another and is run again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                done => return done,
            }
        }
        self.once(args, work).await
    }

    async fn once<A, T>(&self, args: &A, work: Work<A, T>) -> Result<T, Failure> {
        let lease = Lease::acquire(&self.pool).await?;
        let transaction =
            Transaction { lease, database: self.clone(), open: AtomicBool::new(false) };
        let done = work(&transaction, args).await;
        transaction.end().await;
        done
    }
}

/// A connection in, or on its way into, a transaction.
pub(super) struct Transaction {
    lease: Lease,
    database: Database,
    /// Set before `BEGIN` leaves, cleared once a `COMMIT` is answered.
    open: AtomicBool,
}

impl Transaction {
    /// The rules that decisions follow.
    pub(super) fn rules(&self) -> &Rules {
        &self.database.rules
    }

    /// The keys of access tokens and links.
    pub(super) fn keys(&self) -> &KeyRing {
        &self.database.keys
    }

    /// Begins and reads, in one round trip. `reads` must not write: they are on their way
    /// before it is known that the transaction has begun.
    pub(super) async fn begin<const N: usize>(
        &self,
        reads: [Query<'_>; N],
    ) -> Result<[Vec<Row>; N], Failure> {
        let statements = self.prepare(&reads).await?;
        let client = self.lease.client()?;
        self.open.store(true, Ordering::Relaxed);
        let (begun, rows) = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            self.pipeline(&reads, &statements),
        );
        begun?;
        rows
    }

    /// Begins with a script of its own, for several round trips of reads on one state of the
    /// database.
    pub(super) async fn begin_view(&self, script: &str) -> Result<(), Failure> {
        self.open.store(true, Ordering::Relaxed);
        self.script(script).await
    }

    /// Reads one state of the database, in one round trip, outside any other transaction.
    pub(super) async fn snapshot<const N: usize>(
        &self,
        reads: [Query<'_>; N],
    ) -> Result<[Vec<Row>; N], Failure> {
        let statements = self.prepare(&reads).await?;
        let client = self.lease.client()?;
        self.open.store(true, Ordering::Relaxed);
        let (begun, rows, ended) = tokio::join!(
            biased;
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            self.pipeline(&reads, &statements),
            client.batch_execute("COMMIT"),
        );
        begun?;
        let rows = rows?;
        ended?;
        self.open.store(false, Ordering::Relaxed);
        Ok(rows)
    }

    /// Runs statements in one round trip: inside the transaction once it has begun, before that
    /// each as a transaction of its own.
    pub(super) async fn execute<const N: usize>(
        &self,
        queries: [Query<'_>; N],
    ) -> Result<[Vec<Row>; N], Failure> {
        let statements = self.prepare(&queries).await?;
        self.pipeline(&queries, &statements).await
    }

    /// Runs any number of statements in one round trip, inside the transaction.
    pub(super) async fn execute_all(
        &self,
        queries: &[Query<'_>],
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let statements = self.prepare(queries).await?;
        self.pipeline_all(queries, &statements).await
    }

    /// Writes and commits, in one round trip. When one write fails the server turns the
    /// `COMMIT` behind it into a rollback. A write with nothing to write may be left out.
    pub(super) async fn commit(&self, writes: &[Query<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
        let statements = self.prepare(writes).await?;
        let client = self.lease.client()?;
        let (written, committed) = tokio::join!(
            biased;
            self.pipeline_all(writes, &statements),
            client.batch_execute("COMMIT"),
        );
        let written = written?;
        committed?;
        self.open.store(false, Ordering::Relaxed);
        Ok(written)
    }

    /// Runs a script of statements without parameters, inside the transaction.
    pub(super) async fn script(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.lease.client()?.batch_execute(sql).await?)
    }

    /// The store's time: the last of the rows that [`NOW`] gave, or the one set by hand.
    pub(super) fn now(&self, rows: &[Row]) -> Result<Timestamp, Failure> {
        if let Some(set) = self.database.clock.manual() {
            return Ok(set);
        }
        let row = rows.first().ok_or_else(|| no_answer("now"))?;
        Ok(from_millis(row.try_get(0)?))
    }

    /// The time set by hand in milliseconds, for statements that compare with the time.
    pub(super) fn manual_now(&self) -> Option<i64> {
        self.database.clock.manual().map(to_millis)
    }

    /// Before anything else of a round trip is sent, so that the statements of it leave in order.
    async fn prepare(&self, queries: &[Query<'_>]) -> Result<Vec<Statement>, Failure> {
        let client = self.lease.client()?;
        let prepared = join_all(queries.iter().map(|query| client.prepare_cached(query.sql))).await;
        Ok(prepared.into_iter().collect::<Result<_, _>>()?)
    }

    async fn pipeline<const N: usize>(
        &self,
        queries: &[Query<'_>; N],
        statements: &[Statement],
    ) -> Result<[Vec<Row>; N], Failure> {
        let rows = self.pipeline_all(queries, statements).await?;
        rows.try_into().map_err(|_| no_answer("a statement"))
    }

    /// Sends all, then collects every answer. The first error is the cause: once a transaction
    /// has failed, the server refuses whatever follows in it.
    async fn pipeline_all(
        &self,
        queries: &[Query<'_>],
        statements: &[Statement],
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let client = self.lease.client()?;
        let sent = queries
            .iter()
            .zip(statements)
            .map(|(query, statement)| client.query(statement, &query.params));
        Ok(join_all(sent).await.into_iter().collect::<Result<_, _>>()?)
    }

    /// Gives the connection back outside any transaction, or closes it.
    async fn end(self) {
        let Ok(client) = self.lease.client() else { return };
        if self.open.load(Ordering::Relaxed) {
            let rollback = client.batch_execute("ROLLBACK");
            let rolled_back = tokio::time::timeout(ROLLBACK_DEADLINE, rollback).await;
            if !matches!(rolled_back, Ok(Ok(()))) {
                return;
            }
        }
        self.lease.give_back();
    }
}

fn no_answer(what: &str) -> Failure {
    Failure::Store(StoreError::Refused(format!("PostgreSQL answered nothing to {what}")))
}
