//! Keys of access tokens.

use super::error::Failure;
use super::transaction::{Transaction, query};
use super::{PostgresStore, limit, read};
use crate::changes::{Reseals, Sealed, reseals};
use crate::{KeyStore, ResealRequest, Resealed, SealedTokens, StoreError};
use relink_core::id::AccountRef;
use tokio_postgres::Row;

#[async_trait::async_trait]
impl KeyStore for PostgresStore {
    async fn sealed_tokens(&self) -> Result<Vec<SealedTokens>, StoreError> {
        self.database.run((), |tx, ()| Box::pin(sealed_tokens(tx))).await
    }

    async fn reseal(&self, request: &ResealRequest) -> Result<Resealed, StoreError> {
        self.database.run(request.clone(), |tx, request| Box::pin(reseal(tx, request))).await
    }
}

async fn sealed_tokens(tx: &Transaction) -> Result<Vec<SealedTokens>, Failure> {
    let [rows] = tx.execute([query(sql!("sealed_tokens"), &[])]).await?;
    let count = |row: &Row| -> Result<SealedTokens, Failure> {
        let tokens: i64 = row.try_get("tokens")?;
        Ok(SealedTokens { key: row.try_get("access_token_key")?, tokens: tokens.unsigned_abs() })
    };
    rows.iter().map(count).collect()
}

/// Reads first and locks then, for only then is it known what to lock: what somebody changed in
/// between is seen by the statement that writes.
async fn reseal(tx: &Transaction, request: &ResealRequest) -> Result<Resealed, Failure> {
    // No ref is empty, so the empty text comes before all of them.
    let after = request.after.as_ref().map_or("", AccountRef::as_str);
    let (first, most) = (tx.keys().sealing().id(), limit(request.limit));
    let [rows] = tx.execute([query(sql!("tokens_to_reseal"), &[&after, &first, &most])]).await?;
    let batch = rows.iter().map(sealed).collect::<Result<_, Failure>>()?;
    let changes = reseals(batch, tx.keys())?;
    let opened = changes.tokens.len();
    let resealed = match request.dry_run || opened == 0 {
        true => opened,
        false => replace(tx, &changes).await?,
    };
    Ok(Resealed {
        resealed,
        overtaken: opened.saturating_sub(resealed),
        unopened: changes.unopened,
        last: changes.last,
    })
}

fn sealed(row: &Row) -> Result<(AccountRef, Sealed), Failure> {
    let sealed =
        Sealed { key: row.try_get("access_token_key")?, bytes: row.try_get("access_token")? };
    Ok((read::id(row, "account_ref")?, sealed))
}

/// Answers how many were still what was opened.
async fn replace(tx: &Transaction, changes: &Reseals) -> Result<usize, Failure> {
    let tokens = &changes.tokens;
    let refs: Vec<&str> = tokens.iter().map(|token| token.account_ref.as_str()).collect();
    let keys_before: Vec<&str> = tokens.iter().map(|token| token.before.key.as_str()).collect();
    let before: Vec<&[u8]> = tokens.iter().map(|token| token.before.bytes.as_slice()).collect();
    let keys_after: Vec<&str> = tokens.iter().map(|token| token.after.key.as_str()).collect();
    let after: Vec<&[u8]> = tokens.iter().map(|token| token.after.bytes.as_slice()).collect();
    let [_] = tx.begin([query(sql!("lock_accounts"), &[&refs])]).await?;
    let written = tx
        .commit(&[query(sql!("reseal"), &[&refs, &keys_before, &before, &keys_after, &after])])
        .await?;
    Ok(written.first().map_or(0, Vec::len))
}
