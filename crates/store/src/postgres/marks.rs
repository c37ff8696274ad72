//! Marks and turns: each call is one statement, or one round trip.

use super::PostgresStore;
use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use crate::{Mark, MarkStore, Progress, StoreError};
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use relink_core::time::{from_millis, to_millis};
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait::async_trait]
impl MarkStore for PostgresStore {
    async fn mark(&self, name: &str) -> Result<Mark, StoreError> {
        self.database.run(name.to_owned(), |tx, name| Box::pin(read(tx, name))).await
    }

    async fn take_turn(
        &self,
        name: &str,
        who: &WorkerId,
        lasts: Duration,
    ) -> Result<Option<Mark>, StoreError> {
        let lasts = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let args = (name.to_owned(), who.to_string(), lasts);
        self.database
            .run(args, |tx, (name, who, lasts)| Box::pin(take(tx, name, who, *lasts)))
            .await
    }

    async fn end_turn(
        &self,
        name: &str,
        who: &WorkerId,
        progress: Option<&Progress>,
    ) -> Result<(), StoreError> {
        let args = (name.to_owned(), who.to_string(), progress.cloned());
        self.database
            .run(args, |tx, (name, who, progress)| Box::pin(end(tx, name, who, progress.as_ref())))
            .await
    }
}

async fn read(tx: &Transaction, name: &String) -> Result<Mark, Failure> {
    let [rows, now] = tx.execute([query(sql!("mark"), &[name]), NOW]).await?;
    let now = tx.now(&now)?;
    let Some(row) = rows.first() else {
        return Ok(Mark { reached: None, arrears: None, now });
    };
    Ok(Mark { reached: reached(row)?, arrears: row.try_get("arrears")?, now })
}

async fn take(
    tx: &Transaction,
    name: &String,
    who: &String,
    lasts: i64,
) -> Result<Option<Mark>, Failure> {
    let set = tx.manual_now();
    let [rows] = tx.execute([query(sql!("take_turn"), &[name, who, &lasts, &set])]).await?;
    let taken = |row: &Row| -> Result<Mark, Failure> {
        Ok(Mark {
            reached: reached(row)?,
            arrears: row.try_get("arrears")?,
            now: from_millis(row.try_get("now")?),
        })
    };
    rows.first().map(taken).transpose()
}

async fn end(
    tx: &Transaction,
    name: &String,
    who: &String,
    progress: Option<&Progress>,
) -> Result<(), Failure> {
    let reached = progress.and_then(|progress| progress.reached).map(to_millis);
    let arrears = progress.map(|progress| &progress.arrears);
    tx.execute([query(sql!("end_turn"), &[name, who, &reached, &arrears])]).await?;
    Ok(())
}

fn reached(row: &Row) -> Result<Option<Timestamp>, tokio_postgres::Error> {
    Ok(row.try_get::<_, Option<i64>>("reached")?.map(from_millis))
}
