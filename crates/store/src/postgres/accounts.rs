//! Accounts and their contacts.

use super::batch::carry_into_put;
use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, limit, read, writes};
use crate::changes::{PutSnapshot, Sealed, Writes, close_changes, put_account_changes};
use crate::{AccountStore, StoreError, StoredAccount};
use relink_core::Timestamp;
use relink_core::account::AccountUpsert;
use relink_core::case::CloseReason;
use relink_core::id::AccountRef;
use relink_core::masked::Secret;
use std::collections::{BTreeSet, HashMap, HashSet};
use tokio_postgres::Row;

#[async_trait::async_trait]
impl AccountStore for PostgresStore {
    async fn put_accounts(&self, accounts: &[AccountUpsert]) -> Result<Vec<bool>, StoreError> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        self.database.run(accounts.to_vec(), |tx, accounts| Box::pin(put(tx, accounts))).await
    }

    async fn account(&self, account_ref: &AccountRef) -> Result<Option<StoredAccount>, StoreError> {
        let refs = vec![account_ref.to_string()];
        self.database.run(refs, |tx, refs| Box::pin(one(tx, refs))).await
    }

    async fn accounts(
        &self,
        after: Option<&AccountRef>,
        most: usize,
    ) -> Result<Vec<StoredAccount>, StoreError> {
        // No ref is empty, so the empty text comes before all of them.
        let after = after.map_or_else(String::new, ToString::to_string);
        let args = (after, limit(most));
        self.database.run(args, |tx, (after, most)| Box::pin(page(tx, after, *most))).await
    }

    async fn delete_account(&self, account_ref: &AccountRef) -> Result<bool, StoreError> {
        let account_ref = account_ref.clone();
        self.database.run(account_ref, |tx, account_ref| Box::pin(delete(tx, account_ref))).await
    }

    async fn access_token(&self, account_ref: &AccountRef) -> Result<Option<Secret>, StoreError> {
        let account_ref = account_ref.clone();
        self.database.run(account_ref, |tx, account_ref| Box::pin(token(tx, account_ref))).await
    }
}

async fn put(tx: &Transaction, accounts: &[AccountUpsert]) -> Result<Vec<bool>, Failure> {
    let seal = |upsert: &AccountUpsert| {
        Sealed::seal(&upsert.access_token, &upsert.account.account_ref, tx.keys())
    };
    let tokens: Vec<Sealed> = accounts.iter().map(seal).collect::<Result<_, _>>()?;
    let refs: BTreeSet<&str> =
        accounts.iter().map(|upsert| upsert.account.account_ref.as_str()).collect();
    let refs: Vec<&str> = refs.into_iter().collect();
    let [_, known, cases, notifications, non_sends, now] = tx
        .begin([
            query(sql!("lock_accounts"), &[&refs]),
            query(sql!("accounts"), &[&refs]),
            query(sql!("lock_open_cases_of_accounts"), &[&refs]),
            query(sql!("lock_notifications_of_open_cases"), &[&refs]),
            query(sql!("non_sends_of_open_cases"), &[&refs]),
            NOW,
        ])
        .await?;
    let now = tx.now(&now)?;
    let mut known: HashSet<AccountRef> =
        known.iter().map(|row| read::id(row, "account_ref")).collect::<Result<_, _>>()?;
    let mut snapshots = snapshots(&cases, &notifications, &non_sends)?;

    let mut writes = Writes::default();
    let mut answers = Vec::with_capacity(accounts.len());
    for (upsert, token) in accounts.iter().zip(tokens) {
        let account_ref = &upsert.account.account_ref;
        let snapshot = snapshots.get(account_ref).cloned();
        let more = put_account_changes(upsert, token, snapshot, tx.rules(), now);
        if let Some(snapshot) = snapshots.get_mut(account_ref) {
            carry_into_put(snapshot, &more);
        }
        answers.push(known.insert(account_ref.clone()));
        writes.then(more);
    }
    writes::commit(tx, writes).await?;
    Ok(answers)
}

fn snapshots(
    cases: &[Row],
    notifications: &[Row],
    non_sends: &[Row],
) -> Result<HashMap<AccountRef, PutSnapshot>, Failure> {
    let mut notifications = read::notifications_by_case(notifications)?;
    let mut non_sends = read::non_sends_by_case(non_sends)?;
    let snapshot = |stored: crate::rows::StoredCase| {
        let case = stored.case;
        let snapshot = PutSnapshot {
            notifications: notifications.remove(&case.id).unwrap_or_default(),
            non_sends: non_sends.remove(&case.id).unwrap_or_default(),
            case,
        };
        (snapshot.case.account_ref.clone(), snapshot)
    };
    Ok(read::cases(cases)?.into_iter().map(snapshot).collect())
}

async fn one(tx: &Transaction, refs: &[String]) -> Result<Option<StoredAccount>, Failure> {
    let [accounts, contacts] =
        tx.snapshot([query(sql!("accounts"), &[&refs]), query(sql!("contacts"), &[&refs])]).await?;
    Ok(read::accounts(&accounts, &contacts)?.pop())
}

async fn page(tx: &Transaction, after: &str, most: i64) -> Result<Vec<StoredAccount>, Failure> {
    let [accounts, contacts] = tx
        .snapshot([
            query(sql!("accounts_after"), &[&after, &most]),
            query(sql!("contacts_after"), &[&after, &most]),
        ])
        .await?;
    read::accounts(&accounts, &contacts)
}

async fn delete(tx: &Transaction, account_ref: &AccountRef) -> Result<bool, Failure> {
    let Some((changes, _)) = deleting(tx, account_ref).await? else { return Ok(false) };
    writes::commit(tx, changes).await?;
    Ok(true)
}

/// What deleting an account would write, in the transaction that it begins, and its time.
pub(super) async fn deleting(
    tx: &Transaction,
    account_ref: &AccountRef,
) -> Result<Option<(Writes, Timestamp)>, Failure> {
    let refs = [account_ref.as_str()].to_vec();
    let [_, known, cases, notifications, now] = tx
        .begin([
            query(sql!("lock_accounts"), &[&refs]),
            query(sql!("accounts"), &[&refs]),
            query(sql!("lock_open_cases_of_accounts"), &[&refs]),
            query(sql!("lock_notifications_of_open_cases"), &[&refs]),
            NOW,
        ])
        .await?;
    if known.is_empty() {
        return Ok(None);
    }
    let now = tx.now(&now)?;
    let notifications = read::notifications(&notifications)?;
    let mut writes = Writes::default();
    for stored in read::cases(&cases)? {
        let why = CloseReason::AccountDeleted;
        writes.then(close_changes(&stored.case, why, &notifications, now));
    }
    writes.deleted_accounts.push(account_ref.clone());
    Ok(Some((writes, now)))
}

async fn token(tx: &Transaction, account_ref: &AccountRef) -> Result<Option<Secret>, Failure> {
    let [rows] = tx.execute([query(sql!("access_token"), &[&account_ref.as_str()])]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let sealed =
        Sealed { key: row.try_get("access_token_key")?, bytes: row.try_get("access_token")? };
    Ok(Some(sealed.open(account_ref, tx.keys())?))
}
