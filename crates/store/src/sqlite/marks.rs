//! Marks and turns.

use super::SqliteStore;
use super::read::one;
use super::write::execute;
use crate::{Mark, MarkStore, Progress, StoreError};
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use relink_core::time::{after, from_millis, to_millis};
use rusqlite::{Row, params};
use std::time::Duration;

/// The columns of a mark, as they are.
#[derive(Default)]
struct Columns {
    reached: Option<i64>,
    arrears: Option<String>,
}

impl Columns {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { reached: row.get(0)?, arrears: row.get(1)? })
    }

    fn at(self, now: Timestamp) -> Mark {
        Mark { reached: self.reached.map(from_millis), arrears: self.arrears, now }
    }
}

#[async_trait::async_trait]
impl MarkStore for SqliteStore {
    async fn mark(&self, name: &str) -> Result<Mark, StoreError> {
        let name = name.to_owned();
        let sql = include_str!("../../queries/sqlite/mark.sql");
        let found: Option<Columns> =
            self.read(move |connection| one(connection, sql, [name], Columns::of)).await?;
        Ok(found.unwrap_or_default().at(self.terms.clock.now()))
    }

    async fn take_turn(
        &self,
        name: &str,
        who: &WorkerId,
        lasts: Duration,
    ) -> Result<Option<Mark>, StoreError> {
        let (name, who) = (name.to_owned(), who.clone());
        self.write(move |connection, _, now| {
            let until = to_millis(after(now, lasts));
            let sql = include_str!("../../queries/sqlite/take_turn.sql");
            let params = params![name, who.as_str(), to_millis(now), until];
            let taken: Option<Columns> = one(connection, sql, params, Columns::of)?;
            Ok(taken.map(|columns| columns.at(now)))
        })
        .await
    }

    async fn end_turn(
        &self,
        name: &str,
        who: &WorkerId,
        progress: Option<&Progress>,
    ) -> Result<(), StoreError> {
        let (name, who) = (name.to_owned(), who.clone());
        let reached = progress.and_then(|progress| progress.reached).map(to_millis);
        let arrears = progress.map(|progress| progress.arrears.clone());
        self.write(move |connection, _, _| {
            let sql = include_str!("../../queries/sqlite/end_turn.sql");
            execute(connection, sql, params![name, who.as_str(), reached, arrears]).map(drop)
        })
        .await
    }
}
