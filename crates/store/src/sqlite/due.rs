//! Timers.

use super::read::{all, value};
use super::write::execute;
use super::{SqliteStore, limit};
use crate::{Due, DueStore, REPUBLISH_AFTER, StoreError};
use relink_core::Timestamp;
use relink_core::id::NotificationId;
use relink_core::time::{after, from_millis, since, to_millis};
use rusqlite::{Connection, params};
use std::time::Duration;

#[async_trait::async_trait]
impl DueStore for SqliteStore {
    async fn claim_due(&self, most: usize) -> Result<Vec<Due>, StoreError> {
        self.write(move |connection, _, now| claim(connection, most, now)).await
    }

    async fn give_back(&self, ids: &[NotificationId]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        self.write(move |connection, _, now| {
            let sql = include_str!("../../queries/sqlite/give_back.sql");
            for id in ids {
                execute(connection, sql, params![id.to_string(), to_millis(now)])?;
            }
            Ok(())
        })
        .await
    }

    async fn next_due_in(&self) -> Result<Option<Duration>, StoreError> {
        let sql = include_str!("../../queries/sqlite/next_wake.sql");
        let wake_at: Option<i64> = self.read(|connection| value(connection, sql, [])).await?;
        let now = self.terms.clock.now();
        Ok(wake_at.map(|wake_at| since(now, from_millis(wake_at))))
    }
}

/// A row of `claim_due.sql`.
struct Claimed {
    notification_id: String,
    channel: String,
    trace: Option<String>,
}

fn claim(connection: &Connection, most: usize, now: Timestamp) -> Result<Vec<Due>, StoreError> {
    let sql = include_str!("../../queries/sqlite/claim_due.sql");
    let again = to_millis(after(now, REPUBLISH_AFTER));
    all(connection, sql, params![to_millis(now), again, limit(most)], |row| {
        Ok(Claimed { notification_id: row.get(0)?, channel: row.get(1)?, trace: row.get(2)? })
    })
}

impl TryFrom<Claimed> for Due {
    type Error = StoreError;

    fn try_from(row: Claimed) -> Result<Self, StoreError> {
        crate::rows::due(&row.notification_id, &row.channel, row.trace.as_deref())
    }
}
