//! Messages that wait for an answer about their account.

use super::SqliteStore;
use super::delivery::asked_for;
use super::read::value;
use super::write::write;
use crate::changes::{PutOffSnapshot, put_off_changes};
use crate::{PutOff, PutOffRequest, PutOffStore, StoreError};
use relink_core::time::from_millis;

#[async_trait::async_trait]
impl PutOffStore for SqliteStore {
    async fn put_off(&self, request: &PutOffRequest) -> Result<PutOff, StoreError> {
        let request = request.clone();
        self.write(move |connection, terms, now| {
            let Some(begin) = asked_for(connection, request.notification_id)? else {
                return Ok(PutOff::NotNow);
            };
            let row = &begin.notification.notification;
            let sql = include_str!("../../queries/sqlite/put_off_said.sql");
            let said: Option<i64> =
                value(connection, sql, [row.case_id.to_string(), row.id.to_string()])?;
            let snapshot = PutOffSnapshot { begin, said_at: said.map(from_millis) };
            let (put_off, writes) = put_off_changes(&request, snapshot, &terms.rules, now);
            write(connection, terms, &writes, now)?;
            Ok(put_off)
        })
        .await
    }
}
