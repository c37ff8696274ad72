//! The one place where PostgreSQL's answers become [`StoreError`]s. Decides by SQLSTATE
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>), never by text, and never
//! shows a row's values: the server's `DETAIL` is left out.

use crate::StoreError;
use tokio_postgres::error::SqlState;

/// Why a transaction did not go through, before it is known whether it is run again.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server or the connection said no.
    Database(tokio_postgres::Error),
    /// No connection, or no answer in time.
    Unavailable(String),
    /// We said no.
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// Whether two transactions met, so that running this one again may go through: a deadlock,
    /// a serialisation failure, or another's row under the same key.
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.code().is_some_and(|code| {
            [
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::UNIQUE_VIOLATION,
                SqlState::FOREIGN_KEY_VIOLATION,
            ]
            .contains(code)
        })
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Unavailable(why) => Self::Unavailable(why),
            Failure::Database(error) => from_driver(&error),
        }
    }
}

fn from_driver(error: &tokio_postgres::Error) -> StoreError {
    let what = describe(error);
    match error.code() {
        Some(code) => from_state(code, what),
        None if error.is_closed() || is_io(error) => StoreError::Unavailable(what),
        None => StoreError::Refused(what),
    }
}

fn from_state(code: &SqlState, what: String) -> StoreError {
    if [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN].contains(code) {
        return StoreError::Schema(format!(
            "the schema is not the one this release needs: {what}; run `relink migrate`"
        ));
    }
    if [SqlState::DISK_FULL, SqlState::IO_ERROR].contains(code) {
        return StoreError::Disk(what);
    }
    match code.code().get(..2) {
        // Connection; transaction state and conflicts; log-in; database; resources; state of an
        // object or the server (lock timeout, shutdown, cancelled); the system under it. None
        // says anything about what was to be written, so none may cost a signal its place.
        Some("08" | "25" | "28" | "3D" | "40" | "53" | "55" | "57" | "58") => {
            StoreError::Unavailable(what)
        }
        // A right that an operator has to grant; the batch is as good as any other.
        Some("42") if *code == SqlState::INSUFFICIENT_PRIVILEGE => StoreError::Unavailable(what),
        Some(_) | None => StoreError::Refused(what),
    }
}

/// The whole chain without the values of any row.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", db.message(), db.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_upgrade_or_a_mended_batch_could_change_is_final() {
        let kind = |code: &str| match from_state(&SqlState::from_code(code), String::new()) {
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Disk(_) => "disk",
            StoreError::Schema(_) => "schema",
            StoreError::Sealed(_) => "sealed",
            StoreError::NeverBegun(_) => "never begun",
            StoreError::Refused(_) => "refused",
        };
        for (code, expected) in [
            ("08006", "unavailable"),
            ("25006", "unavailable"),
            ("28P01", "unavailable"),
            ("3D000", "unavailable"),
            ("40001", "unavailable"),
            ("40P01", "unavailable"),
            ("42501", "unavailable"),
            ("53300", "unavailable"),
            ("55P03", "unavailable"),
            ("57014", "unavailable"),
            ("57P01", "unavailable"),
            ("57P03", "unavailable"),
            ("53100", "disk"),
            ("58030", "disk"),
            ("42P01", "schema"),
            ("42703", "schema"),
            ("22021", "refused"),
            ("23505", "refused"),
            ("42601", "refused"),
            ("XX001", "refused"),
        ] {
            assert_eq!(kind(code), expected, "{code}");
        }
    }
}
