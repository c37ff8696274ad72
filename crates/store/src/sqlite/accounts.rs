//! Accounts and their contacts.

use super::read::{
    account, account_columns, all, non_sends_of, notifications_of, one, open_case_of, with_contacts,
};
use super::write::write;
use super::{SqliteStore, Terms, limit};
use crate::changes::{PutSnapshot, Sealed, Writes, close_changes, put_account_changes};
use crate::rows::{AccountColumns, StoredCase};
use crate::{AccountStore, StoreError, StoredAccount};
use relink_core::Timestamp;
use relink_core::account::AccountUpsert;
use relink_core::case::CloseReason;
use relink_core::id::AccountRef;
use relink_core::masked::Secret;
use rusqlite::{Connection, params};

#[async_trait::async_trait]
impl AccountStore for SqliteStore {
    async fn put_accounts(&self, accounts: &[AccountUpsert]) -> Result<Vec<bool>, StoreError> {
        let accounts = accounts.to_vec();
        self.write(move |connection, terms, now| {
            accounts.iter().map(|upsert| put(connection, terms, upsert, now)).collect()
        })
        .await
    }

    async fn account(&self, account_ref: &AccountRef) -> Result<Option<StoredAccount>, StoreError> {
        let account_ref = account_ref.clone();
        self.read(move |connection| account(connection, &account_ref)).await
    }

    async fn accounts(
        &self,
        after: Option<&AccountRef>,
        most: usize,
    ) -> Result<Vec<StoredAccount>, StoreError> {
        // No ref is empty, so the empty text comes before all of them.
        let after = after.map_or_else(String::new, ToString::to_string);
        self.read(move |connection| {
            let sql = include_str!("../../queries/sqlite/accounts_after.sql");
            let rows: Vec<AccountColumns> =
                all(connection, sql, params![after, limit(most)], account_columns)?;
            rows.into_iter().map(|row| with_contacts(connection, row)).collect()
        })
        .await
    }

    async fn delete_account(&self, account_ref: &AccountRef) -> Result<bool, StoreError> {
        let account_ref = account_ref.clone();
        self.write(move |connection, terms, now| delete(connection, terms, account_ref, now)).await
    }

    async fn access_token(&self, account_ref: &AccountRef) -> Result<Option<Secret>, StoreError> {
        let wanted = account_ref.clone();
        let sealed: Option<Sealed> = self
            .read(move |connection| {
                let sql = include_str!("../../queries/sqlite/access_token.sql");
                one(connection, sql, [wanted.as_str()], |row| {
                    Ok(Sealed { key: row.get(0)?, bytes: row.get(1)? })
                })
            })
            .await?;
        sealed.map(|sealed| sealed.open(account_ref, &self.terms.keys)).transpose()
    }
}

fn put(
    connection: &Connection,
    terms: &Terms,
    upsert: &AccountUpsert,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let account_ref = &upsert.account.account_ref;
    let is_new = account(connection, account_ref)?.is_none();
    let token = Sealed::seal(&upsert.access_token, account_ref, &terms.keys)?;
    let snapshot = match open_case_of(connection, account_ref)? {
        Some(StoredCase { case, .. }) => Some(PutSnapshot {
            notifications: notifications_of(connection, case.id)?,
            non_sends: non_sends_of(connection, case.id)?,
            case,
        }),
        None => None,
    };
    let writes = put_account_changes(upsert, token, snapshot, &terms.rules, now);
    write(connection, terms, &writes, now)?;
    Ok(is_new)
}

fn delete(
    connection: &Connection,
    terms: &Terms,
    account_ref: AccountRef,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(writes) = deleting(connection, account_ref, now)? else {
        return Ok(false);
    };
    write(connection, terms, &writes, now)?;
    Ok(true)
}

/// What deleting an account would write.
pub(super) fn deleting(
    connection: &Connection,
    account_ref: AccountRef,
    now: Timestamp,
) -> Result<Option<Writes>, StoreError> {
    if account(connection, &account_ref)?.is_none() {
        return Ok(None);
    }
    let mut writes = Writes::default();
    if let Some(StoredCase { case, .. }) = open_case_of(connection, &account_ref)? {
        let notifications = notifications_of(connection, case.id)?;
        writes.then(close_changes(&case, CloseReason::AccountDeleted, &notifications, now));
    }
    writes.deleted_accounts.push(account_ref);
    Ok(Some(writes))
}
