//! The zones of accounts.

use super::read::all;
use super::write::execute;
use super::{SqliteStore, limit};
use crate::changes::Sealed;
use crate::rows::ZoneColumns;
use crate::time_zones::RETRY_AFTER;
use crate::{ASK_AGAIN_AFTER, StoreError, TimeZoneStore, ZoneWanted};
use relink_core::id::AccountRef;
use relink_core::time::{after, earlier, to_millis};
use rusqlite::params;

#[async_trait::async_trait]
impl TimeZoneStore for SqliteStore {
    async fn claim_zones_wanted(&self, most: usize) -> Result<Vec<ZoneWanted>, StoreError> {
        self.write(move |connection, terms, now| {
            let sql = include_str!("../../queries/sqlite/claim_zones_wanted.sql");
            let old = earlier(now, ASK_AGAIN_AFTER);
            let taken = params![to_millis(old), to_millis(after(old, RETRY_AFTER)), limit(most)];
            let rows: Vec<ZoneColumns> = all(connection, sql, taken, |row| {
                let sealed = Sealed { key: row.get(1)?, bytes: row.get(2)? };
                Ok(ZoneColumns { account_ref: row.get(0)?, sealed })
            })?;
            rows.into_iter().map(|row| row.opened(&terms.keys)).collect()
        })
        .await
    }

    async fn note_zone(
        &self,
        account_ref: &AccountRef,
        time_zone: Option<&str>,
    ) -> Result<(), StoreError> {
        let (account_ref, zone) = (account_ref.to_string(), time_zone.map(str::to_owned));
        self.write(move |connection, _, now| {
            let sql = include_str!("../../queries/sqlite/note_zone.sql");
            execute(connection, sql, params![account_ref, zone, to_millis(now)]).map(drop)
        })
        .await
    }
}
