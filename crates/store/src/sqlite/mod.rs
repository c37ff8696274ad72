//! The store in one SQLite file: for one machine, without a server.
//!
//! One thread owns the only connection that writes (SQLite has one writer whatever one does);
//! all jobs that queued up meanwhile share one transaction and one fsync, and nobody is
//! answered before that commit. Looking goes to a few read-only connections beside it. Must
//! never be shared by hosts: a file lock over a network is no lock.

mod accounts;
mod audit;
mod cases;
mod coming_back;
mod connection;
mod delivery;
mod due;
mod error;
mod feed;
mod inspect;
mod keys;
mod marks;
mod operate;
mod put_off;
mod read;
mod readers;
mod schema;
mod signals;
mod tell;
mod time_zones;
mod write;
mod writer;

use crate::{Clock, Store, StoreError};
use readers::Readers;
use relink_core::Timestamp;
use relink_core::policy::Rules;
use relink_core::seal::KeyRing;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use writer::Writer;

/// A store in a file of this host.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    terms: Arc<Terms>,
}

/// What the operations need besides their arguments.
#[derive(Debug)]
struct Terms {
    rules: Arc<Rules>,
    keys: KeyRing,
    clock: Clock,
}

impl SqliteStore {
    /// Opens the file, which is made if there is none; its folder must exist. The schema is
    /// left as it is: see [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Disk`] when the file cannot be used, [`StoreError::Refused`] when it is
    /// not a database.
    pub fn open(
        path: &Path,
        rules: Arc<Rules>,
        keys: KeyRing,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let writer = Writer::start(connection::for_writing(path)?)?;
        let readers = Readers::start(path)?;
        Ok(Self { writer, readers, terms: Arc::new(Terms { rules, keys, clock }) })
    }

    /// Runs `work` in the next transaction and answers after its commit.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Terms, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let terms = Arc::clone(&self.terms);
        self.writer
            .run(move |connection| {
                // Read here, in the order of the commits, not when the caller got in line.
                let now = terms.clock.now();
                work(connection, &terms, now)
            })
            .await
    }

    /// Runs `work` on one consistent view of what is committed.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.run(work).await
    }
}

#[async_trait::async_trait]
impl Store for SqliteStore {
    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.write(|connection, _, now| schema::migrate(connection, now)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read(schema::check).await
    }
}

/// A caller's limit as SQLite takes it.
fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
