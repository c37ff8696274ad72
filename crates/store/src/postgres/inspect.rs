//! Looking.

use super::error::Failure;
use super::transaction::{Transaction, query};
use super::{PostgresStore, limit, read};
use crate::{AttemptFilter, AttemptRow, InspectStore, REPAIRS_WATCHED, StoreError, StoreStats};
use relink_core::attempt::OutcomeKind;
use relink_core::notification::Notification;
use relink_core::time::to_millis;

#[async_trait::async_trait]
impl InspectStore for PostgresStore {
    async fn attempts(&self, filter: &AttemptFilter) -> Result<Vec<AttemptRow>, StoreError> {
        self.database.run(filter.clone(), |tx, filter| Box::pin(list(tx, filter))).await
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.database.run((), |tx, ()| Box::pin(stats(tx))).await
    }

    async fn dead_notifications(&self, most: usize) -> Result<Vec<Notification>, StoreError> {
        self.database.run(limit(most), |tx, most| Box::pin(dead(tx, *most))).await
    }
}

async fn list(tx: &Transaction, filter: &AttemptFilter) -> Result<Vec<AttemptRow>, Failure> {
    let AttemptFilter { case_id, account_ref, outcome, before, limit: most } = filter;
    let case_id = case_id.map(|id| id.to_string());
    let account_ref = account_ref.as_ref().map(ToString::to_string);
    let outcome = outcome.map(OutcomeKind::as_str);
    let at = before.map(|(at, _, _)| to_millis(at));
    let id = before.map(|(_, id, _)| id.to_string());
    let number = before.map(|(_, _, number)| i64::from(number));
    let most = limit(*most);
    let wanted =
        query(sql!("list_attempts"), &[&case_id, &account_ref, &outcome, &at, &id, &number, &most]);
    let [rows] = tx.execute([wanted]).await?;
    read::attempts(&rows)
}

async fn stats(tx: &Transaction) -> Result<StoreStats, Failure> {
    let [rows] = tx.execute([query(sql!("stats"), &[&REPAIRS_WATCHED])]).await?;
    let Some(row) = rows.first() else { return Ok(StoreStats::default()) };
    let count = |column: &str| row.try_get(column).map(i64::unsigned_abs);
    Ok(StoreStats {
        cases_open: count("cases_open")?,
        unknown_open: count("unknown_open")?,
        dead: count("dead")?,
        sends_after_repair: count("sends_after_repair")?,
    })
}

async fn dead(tx: &Transaction, most: i64) -> Result<Vec<Notification>, Failure> {
    let [rows] = tx.execute([query(sql!("dead_notifications"), &[&most])]).await?;
    Ok(read::notifications(&rows)?.into_iter().map(|stored| stored.notification).collect())
}
