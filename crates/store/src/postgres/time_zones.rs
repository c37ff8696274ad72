//! The zones of accounts.

use super::error::Failure;
use super::transaction::{Transaction, query};
use super::{PostgresStore, limit};
use crate::changes::Sealed;
use crate::rows::ZoneColumns;
use crate::time_zones::RETRY_AFTER;
use crate::{ASK_AGAIN_AFTER, StoreError, TimeZoneStore, ZoneWanted};
use relink_core::id::AccountRef;

#[async_trait::async_trait]
impl TimeZoneStore for PostgresStore {
    async fn claim_zones_wanted(&self, most: usize) -> Result<Vec<ZoneWanted>, StoreError> {
        self.database.run(limit(most), |tx, most| Box::pin(claim(tx, *most))).await
    }

    async fn note_zone(
        &self,
        account_ref: &AccountRef,
        time_zone: Option<&str>,
    ) -> Result<(), StoreError> {
        let args = (account_ref.to_string(), time_zone.map(str::to_owned));
        self.database.run(args, |tx, (account, zone)| Box::pin(note(tx, account, zone))).await
    }
}

async fn claim(tx: &Transaction, most: i64) -> Result<Vec<ZoneWanted>, Failure> {
    let set = tx.manual_now();
    let [old, retry] = [ASK_AGAIN_AFTER, RETRY_AFTER]
        .map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
    let [rows] =
        tx.execute([query(sql!("claim_zones_wanted"), &[&set, &old, &retry, &most])]).await?;
    let wanted = rows.iter().map(|row| {
        let sealed =
            Sealed { key: row.try_get("access_token_key")?, bytes: row.try_get("access_token")? };
        let columns = ZoneColumns { account_ref: row.try_get("account_ref")?, sealed };
        Ok(columns.opened(tx.keys())?)
    });
    wanted.collect()
}

async fn note(tx: &Transaction, account: &String, zone: &Option<String>) -> Result<(), Failure> {
    let set = tx.manual_now();
    tx.execute([query(sql!("note_zone"), &[account, zone, &set])]).await?;
    Ok(())
}
