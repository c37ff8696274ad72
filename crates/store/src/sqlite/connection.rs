//! How the file is opened, and the settings of each connection with their reasons.

use crate::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long to wait for another process (a backup, a second program) to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements kept: more than there are in `queries/sqlite`.
const STATEMENTS_KEPT: usize = 100;

/// The one connection that writes.
pub(super) fn for_writing(path: &Path) -> Result<Connection, StoreError> {
    make_private(path)?;
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Disk(format!(
            "{} cannot use a write-ahead log (its journal is \"{mode}\"): put it on a local disk",
            path.display()
        )));
    }
    // NORMAL may lose the last commits when the power fails; each of ours is a promise.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn for_reading(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // Each connection belongs to one thread, so SQLite need not lock it.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // A damaged or foreign file must not run functions of ours by way of its schema.
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

/// Makes the file readable by its owner only: it holds people's addresses. SQLite gives the
/// files it makes beside it the same permissions.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::Disk(format!("cannot open {}: {error}", path.display())))
}
