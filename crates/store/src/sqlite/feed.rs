//! What is open for users who are looking.

use super::SqliteStore;
use super::read::case_columns;
use crate::rows::StoredCase;
use crate::{FeedStore, StoreError, UsersCase, UsersCases};
use relink_core::Timestamp;
use rusqlite::Connection;
use std::sync::Arc;

#[async_trait::async_trait]
impl FeedStore for SqliteStore {
    async fn open_cases_of_users(&self, user_ids: &[String]) -> Result<UsersCases, StoreError> {
        let asked = serde_json::Value::from(user_ids.to_vec()).to_string();
        let terms = Arc::clone(&self.terms);
        self.read(move |connection| open_cases(connection, &asked, terms.clock.now())).await
    }
}

fn open_cases(
    connection: &Connection,
    asked: &str,
    now: Timestamp,
) -> Result<UsersCases, StoreError> {
    let sql = include_str!("../../queries/sqlite/open_cases_of_users.sql");
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([asked], |row| {
        Ok((case_columns(row)?, row.get::<_, String>(12)?, row.get::<_, bool>(13)?))
    })?;
    let mut cases = Vec::new();
    for row in rows {
        let (columns, user_id, told_in_app) = row?;
        let StoredCase { case, .. } = StoredCase::try_from(columns)?;
        cases.push(UsersCase { user_id, case, told_in_app });
    }
    Ok(UsersCases { now, cases })
}
