//! Messages that wait for an answer about their account.

use super::delivery::begin_snapshot;
use super::error::Failure;
use super::transaction::Transaction;
use super::{PostgresStore, writes};
use crate::changes::{PutOffSnapshot, put_off_changes};
use crate::{PutOff, PutOffRequest, PutOffStore, StoreError};
use relink_core::time::from_millis;

#[async_trait::async_trait]
impl PutOffStore for PostgresStore {
    async fn put_off(&self, request: &PutOffRequest) -> Result<PutOff, StoreError> {
        self.database.run(request.clone(), |tx, request| Box::pin(put_off(tx, request))).await
    }
}

async fn put_off(tx: &Transaction, request: &PutOffRequest) -> Result<PutOff, Failure> {
    let (snapshot, said, now) = begin_snapshot(tx, request.notification_id).await?;
    let Some(begin) = snapshot else { return Ok(PutOff::NotNow) };
    let said: Option<i64> = said.first().map(|row| row.try_get("said_at")).transpose()?.flatten();
    let snapshot = PutOffSnapshot { begin, said_at: said.map(from_millis) };
    let (put_off, changes) = put_off_changes(request, snapshot, tx.rules(), now);
    writes::commit(tx, changes).await?;
    Ok(put_off)
}
