//! How the file is opened, and the settings of each connection with their reasons.

use crate::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long to wait for another process (a backup, a second program) to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages kept by the connection that writes, in KiB. Ids are spread evenly, so a write touches
/// pages all over; with SQLite's own 2 MB most of them would be read again each time.
const CACHE_KIB: i64 = 8 * 1024;

/// Pages in the write-ahead log before it is copied into the database: 16 MB. At SQLite's own
/// 1000 the same pages were copied after every hundred emails or so. Costs no safety, since
/// the log is what is synced at each commit.
const CHECKPOINT_PAGES: i64 = 4000;

/// Prepared statements kept: more than there are in `queries/sqlite`.
const STATEMENTS_KEPT: usize = 100;

/// The one connection that writes.
pub(super) fn for_writing(path: &Path) -> Result<Connection, StoreError> {
    make_private(path)?;
    set_up_for_writing(path).map_err(|error| named(path, error))
}

fn set_up_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Disk(format!(
            "no write-ahead log here (the journal is \"{mode}\"): put the file on a local disk",
        )));
    }
    // NORMAL may lose the last commits when the power fails; each of ours is a promise.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // What a savepoint would undo is kept in memory: after a crash nobody needs it.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn for_reading(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| named(path, error))
}

/// Says which file it was.
fn named(path: &Path, error: StoreError) -> StoreError {
    let at = |why| format!("{}: {why}", path.display());
    match error {
        StoreError::Unavailable(why) => StoreError::Unavailable(at(why)),
        StoreError::Disk(why) => StoreError::Disk(at(why)),
        StoreError::Refused(why) => StoreError::Refused(at(why)),
        StoreError::Schema(_) | StoreError::Sealed(_) | StoreError::NeverBegun(_) => error,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_may_read_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let connection = for_writing(&folder.path().join("t.db")).unwrap();
        connection.execute_batch("CREATE TABLE t (x INTEGER)").unwrap();
        let mut files = 0;
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
            files += 1;
        }
        assert_eq!(files, 3, "the database, its log, and their index");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/folder/relink.db");
        let error = for_writing(&missing).unwrap_err();
        assert!(matches!(&error, StoreError::Disk(why) if why.contains("no/such")), "{error:?}");

        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "dear diary, ".repeat(1000)).unwrap();
        let error = for_writing(&text).unwrap_err();
        assert!(
            matches!(&error, StoreError::Refused(why) if why.contains("notes.txt")),
            "{error:?}"
        );
        assert!(std::fs::read_to_string(&text).unwrap().starts_with("dear diary"));
    }

    #[test]
    fn what_is_for_reading_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        for_writing(&path).unwrap().execute_batch("CREATE TABLE t (x INTEGER)").unwrap();
        let reader = for_reading(&path).unwrap();
        assert!(reader.execute_batch("INSERT INTO t VALUES (1)").is_err());
    }

    #[test]
    fn every_commit_reaches_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let connection = for_writing(&folder.path().join("t.db")).unwrap();
        let setting = |name: &str| -> String {
            let value = connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
            format!("{:?}", value.unwrap())
        };
        assert_eq!(setting("journal_mode"), "Text(\"wal\")");
        assert_eq!(setting("synchronous"), "Integer(2)");
        assert_eq!(setting("foreign_keys"), "Integer(1)");
    }
}
