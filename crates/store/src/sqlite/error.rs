//! The only place that knows SQLite's error codes. The texts it passes on name tables and
//! columns, never values.

use crate::StoreError;
use rusqlite::ErrorCode;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OperationInterrupted
                | ErrorCode::OperationAborted
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::SchemaChanged,
            ) => Self::Unavailable(text),
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::NoLargeFileSupport,
            ) => Self::Disk(text),
            // Constraints, types, damage, and whatever a later SQLite may add: nothing that
            // passes by waiting.
            Some(_) | None => Self::Refused(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn what_passes_by_waiting_is_told_from_what_does_not() {
        let error =
            |code| StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert!(matches!(error(ffi::SQLITE_BUSY), StoreError::Unavailable(_)));
        assert!(matches!(error(ffi::SQLITE_LOCKED), StoreError::Unavailable(_)));
        assert!(matches!(error(ffi::SQLITE_FULL), StoreError::Disk(_)));
        assert!(matches!(error(ffi::SQLITE_IOERR_FSYNC), StoreError::Disk(_)));
        assert!(matches!(error(ffi::SQLITE_CONSTRAINT_UNIQUE), StoreError::Refused(_)));
        assert!(matches!(error(ffi::SQLITE_CORRUPT), StoreError::Refused(_)));
        assert!(error(ffi::SQLITE_FULL).is_passing());
        assert!(!error(ffi::SQLITE_CORRUPT).is_passing());
    }
}
