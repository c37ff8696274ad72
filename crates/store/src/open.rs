//! Picks the database that the configuration names.

use crate::{Clock, PostgresStore, SqliteStore, Store, StoreError};
use relink_core::policy::Rules;
use relink_core::seal::KeyRing;
use std::sync::Arc;

/// Opens the configured store. Its schema is left as it is: see [`Store::migrate`] and
/// [`Store::check`]. Must be called in a Tokio runtime.
///
/// # Errors
/// Those of [`SqliteStore::open`] and [`PostgresStore::open`]. A server that is away is not
/// among them: the calls that need it say so.
pub async fn open(
    config: &relink_config::Store,
    rules: Arc<Rules>,
    keys: KeyRing,
    clock: Clock,
) -> Result<Arc<dyn Store>, StoreError> {
    match config {
        relink_config::Store::Sqlite(path) => {
            let path = path.clone();
            // May wait for the disk and for another process.
            let opening =
                tokio::task::spawn_blocking(move || SqliteStore::open(&path, rules, keys, clock));
            let opened = opening.await.map_err(|error| {
                StoreError::Refused(format!("opening the store stopped half-way: {error}"))
            })?;
            Ok(Arc::new(opened?))
        }
        relink_config::Store::Postgres(server) => {
            Ok(Arc::new(PostgresStore::open(server, rules, keys, clock)?))
        }
        relink_config::Store::NotHeld => {
            Err(StoreError::Refused("this process was not told where the store is".to_owned()))
        }
    }
}
