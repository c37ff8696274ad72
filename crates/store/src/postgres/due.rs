//! Timers: each call is one statement.

use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, limit};
use crate::{Due, DueStore, REPUBLISH_AFTER, StoreError};
use relink_core::id::NotificationId;
use relink_core::time::{from_millis, since};
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait::async_trait]
impl DueStore for PostgresStore {
    async fn claim_due(&self, most: usize) -> Result<Vec<Due>, StoreError> {
        self.database.run(most, |tx, most| Box::pin(claim(tx, *most))).await
    }

    async fn give_back(&self, ids: &[NotificationId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        self.database.run(ids, |tx, ids| Box::pin(give_back(tx, ids))).await
    }

    async fn next_due_in(&self) -> Result<Option<Duration>, StoreError> {
        self.database.run((), |tx, ()| Box::pin(next_due_in(tx))).await
    }
}

async fn claim(tx: &Transaction, most: usize) -> Result<Vec<Due>, Failure> {
    let (set, most) = (tx.manual_now(), limit(most));
    let ahead = i64::try_from(REPUBLISH_AFTER.as_millis()).unwrap_or(i64::MAX);
    let [rows] = tx.execute([query(sql!("claim_due"), &[&set, &ahead, &most])]).await?;
    rows.iter().map(due).collect()
}

fn due(row: &Row) -> Result<Due, Failure> {
    let (id, channel): (&str, &str) = (row.try_get("notification_id")?, row.try_get("channel")?);
    Ok(crate::rows::due(id, channel, row.try_get("trace")?)?)
}

async fn give_back(tx: &Transaction, ids: &[String]) -> Result<(), Failure> {
    let set = tx.manual_now();
    tx.execute([query(sql!("give_back"), &[&set, &ids])]).await?;
    Ok(())
}

async fn next_due_in(tx: &Transaction) -> Result<Option<Duration>, Failure> {
    let [next, now] = tx.execute([query(sql!("next_wake"), &[]), NOW]).await?;
    let now = tx.now(&now)?;
    let next: Option<i64> = next.first().map(|row| row.try_get("wake_at")).transpose()?.flatten();
    Ok(next.map(|wake_at| since(now, from_millis(wake_at))))
}
