//! What is open for users who are looking.

use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, read};
use crate::{FeedStore, StoreError, UsersCase, UsersCases};

#[async_trait::async_trait]
impl FeedStore for PostgresStore {
    async fn open_cases_of_users(&self, user_ids: &[String]) -> Result<UsersCases, StoreError> {
        // No stored text holds a NUL, and the server takes it for an error.
        let asked = user_ids.iter().filter(|id| !id.contains('\0')).cloned().collect();
        self.database.run(asked, |tx, asked| Box::pin(open_cases(tx, asked))).await
    }
}

async fn open_cases(tx: &Transaction, asked: &Vec<String>) -> Result<UsersCases, Failure> {
    let [rows, now] = tx.execute([query(sql!("open_cases_of_users"), &[asked]), NOW]).await?;
    let now = tx.now(&now)?;
    let mut cases = Vec::with_capacity(rows.len());
    for (row, stored) in rows.iter().zip(read::cases(&rows)?) {
        let (user_id, told_in_app) = (row.try_get("user_id")?, row.try_get("told_in_app")?);
        cases.push(UsersCase { user_id, case: stored.case, told_in_app });
    }
    Ok(UsersCases { now, cases })
}
