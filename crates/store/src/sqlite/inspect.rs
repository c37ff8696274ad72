//! Looking.

use super::read::{all, attempt_columns, notification_columns};
use super::{SqliteStore, limit};
use crate::rows::StoredNotification;
use crate::{AttemptFilter, AttemptRow, InspectStore, REPAIRS_WATCHED, StoreError, StoreStats};
use relink_core::attempt::OutcomeKind;
use relink_core::notification::Notification;
use relink_core::time::to_millis;
use rusqlite::{Connection, params};

#[async_trait::async_trait]
impl InspectStore for SqliteStore {
    async fn attempts(&self, filter: &AttemptFilter) -> Result<Vec<AttemptRow>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| list_attempts(connection, &filter)).await
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.read(|connection| {
            let sql = include_str!("../../queries/sqlite/stats.sql");
            Ok(connection.prepare_cached(sql)?.query_row([REPAIRS_WATCHED], |row| {
                let count = |column: usize| row.get(column).map(i64::unsigned_abs);
                Ok(StoreStats {
                    cases_open: count(0)?,
                    unknown_open: count(1)?,
                    dead: count(2)?,
                    sends_after_repair: count(3)?,
                })
            })?)
        })
        .await
    }

    async fn dead_notifications(&self, most: usize) -> Result<Vec<Notification>, StoreError> {
        self.read(move |connection| {
            let sql = include_str!("../../queries/sqlite/dead_notifications.sql");
            let rows: Vec<StoredNotification> =
                all(connection, sql, [limit(most)], notification_columns)?;
            Ok(rows.into_iter().map(|stored| stored.notification).collect())
        })
        .await
    }
}

fn list_attempts(
    connection: &Connection,
    filter: &AttemptFilter,
) -> Result<Vec<AttemptRow>, StoreError> {
    let AttemptFilter { case_id, account_ref, outcome, before, limit: most } = filter;
    // Without a page to go on from, everything is older than the end of time.
    let (at, id, number) = before.map_or((i64::MAX, String::new(), 0), |(at, id, number)| {
        (to_millis(at), id.to_string(), number)
    });
    let most = limit(*most);
    let word = outcome.map(OutcomeKind::as_str);
    let account_ref = account_ref.as_ref().map(ToString::to_string);
    match (case_id, account_ref, outcome) {
        (Some(case_id), account_ref, _) => {
            let sql = include_str!("../../queries/sqlite/attempts_of_case.sql");
            let row = params![at, id, number, most, word, case_id.to_string(), account_ref];
            all(connection, sql, row, attempt_columns)
        }
        (None, Some(account_ref), _) => {
            let sql = include_str!("../../queries/sqlite/attempts_of_account.sql");
            let row = params![at, id, number, most, word, account_ref];
            all(connection, sql, row, attempt_columns)
        }
        (
            None,
            None,
            Some(OutcomeKind::Deferred | OutcomeKind::Rejected | OutcomeKind::Unknown),
        ) => {
            let sql = include_str!("../../queries/sqlite/attempts_not_accepted.sql");
            all(connection, sql, params![at, id, number, most, word], attempt_columns)
        }
        (None, None, Some(OutcomeKind::Accepted) | None) => {
            let sql = include_str!("../../queries/sqlite/attempts.sql");
            all(connection, sql, params![at, id, number, most, word], attempt_columns)
        }
    }
}
