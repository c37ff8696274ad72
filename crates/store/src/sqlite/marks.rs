//! Marks and turns.

use super::SqliteStore;
use super::read::one;
use super::write::execute;
use crate::{Mark, MarkStore, StoreError};
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use relink_core::time::{after, from_millis, to_millis};
use rusqlite::params;
use std::time::Duration;

/// The column `reached` of a mark.
struct Reached(Option<i64>);

impl TryFrom<Option<i64>> for Reached {
    type Error = StoreError;

    fn try_from(millis: Option<i64>) -> Result<Self, StoreError> {
        Ok(Self(millis))
    }
}

impl Reached {
    fn at(self, now: Timestamp) -> Mark {
        Mark { reached: self.0.map(from_millis), now }
    }
}

#[async_trait::async_trait]
impl MarkStore for SqliteStore {
    async fn mark(&self, name: &str) -> Result<Mark, StoreError> {
        let name = name.to_owned();
        let sql = include_str!("../../queries/sqlite/mark.sql");
        let found: Option<Reached> = self
            .read(move |connection| {
                one(connection, sql, [name], |row| row.get::<_, Option<i64>>(0))
            })
            .await?;
        Ok(found.unwrap_or(Reached(None)).at(self.terms.clock.now()))
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
            let taken: Option<Reached> =
                one(connection, sql, params, |row| row.get::<_, Option<i64>>(0))?;
            Ok(taken.map(|reached| reached.at(now)))
        })
        .await
    }

    async fn end_turn(
        &self,
        name: &str,
        who: &WorkerId,
        reached: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let (name, who, reached) = (name.to_owned(), who.clone(), reached.map(to_millis));
        self.write(move |connection, _, _| {
            let sql = include_str!("../../queries/sqlite/end_turn.sql");
            execute(connection, sql, params![name, who.as_str(), reached]).map(drop)
        })
        .await
    }
}
