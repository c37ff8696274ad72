//! The store on a PostgreSQL server: for any number of hosts.
//!
//! Every method is a task of its own around one transaction of two round trips (see
//! `transaction`): locks and reads, a decision of `changes`, writes and commit. Locks are always
//! taken in one order (accounts, cases, notifications, each sorted), so that no two of them wait
//! for one another. The server's clock is the only one. Must never hold a transaction open
//! across anything but the database.
//!
//! Needs PostgreSQL 12 or later, spoken to directly or through a pooler that keeps sessions:
//! prepared statements and session settings are used.

macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/queries/postgres/", $name, ".sql"))
    };
}

mod accounts;
mod audit;
mod batch;
mod cases;
mod columns;
mod coming_back;
mod connect;
mod delivery;
mod due;
mod error;
mod feed;
mod inspect;
mod keys;
mod marks;
mod migrate;
mod operate;
mod put_off;
mod read;
mod signals;
mod tell;
mod time_zones;
mod transaction;
mod writes;

use crate::{Clock, Store, StoreError};
use relink_core::policy::Rules;
use relink_core::seal::KeyRing;
use std::sync::Arc;
use transaction::Database;

/// A store on a server.
pub struct PostgresStore {
    database: Database,
}

impl PostgresStore {
    /// Reads the settings; connects with the first call, and again by itself whenever the
    /// server was away. The schema is left as it is: see [`Store::migrate`].
    ///
    /// No call takes longer than 15 s (`migrate`: 120 s), nor waits longer than 3 s for a
    /// connection. Must be called, like every method, inside a Tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the URL cannot be read, or when `verify-full` finds no root
    /// certificates on this host.
    pub fn open(
        config: &relink_config::Postgres,
        rules: Arc<Rules>,
        keys: KeyRing,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let pool = connect::pool(config)?;
        Ok(Self { database: Database::new(pool, rules, keys, clock) })
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresStore")
    }
}

#[async_trait::async_trait]
impl Store for PostgresStore {
    async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.database
            .run_within(migrate::DEADLINE, (), |tx, ()| Box::pin(migrate::migrate(tx)))
            .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.database.run((), |tx, ()| Box::pin(migrate::check(tx))).await
    }
}

/// A caller's limit as PostgreSQL takes it.
fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
