//! Keys of access tokens.

use super::write::execute;
use super::{SqliteStore, Terms, limit};
use crate::changes::{Reseal, Sealed, reseals};
use crate::{KeyStore, ResealRequest, Resealed, SealedTokens, StoreError};
use relink_core::id::AccountRef;
use rusqlite::{Connection, params};

#[async_trait::async_trait]
impl KeyStore for SqliteStore {
    async fn sealed_tokens(&self) -> Result<Vec<SealedTokens>, StoreError> {
        self.read(|connection| {
            let sql = include_str!("../../queries/sqlite/sealed_tokens.sql");
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.map(|row| {
                let (key, tokens): (String, i64) = row?;
                Ok(SealedTokens { key, tokens: tokens.unsigned_abs() })
            })
            .collect()
        })
        .await
    }

    async fn reseal(&self, request: &ResealRequest) -> Result<Resealed, StoreError> {
        let request = request.clone();
        self.write(move |connection, terms, _| reseal(connection, terms, &request)).await
    }
}

fn reseal(
    connection: &Connection,
    terms: &Terms,
    request: &ResealRequest,
) -> Result<Resealed, StoreError> {
    let changes = reseals(batch(connection, terms, request)?, &terms.keys)?;
    let (mut resealed, mut overtaken) = (0, 0);
    for token in &changes.tokens {
        match request.dry_run || replace(connection, token)? {
            true => resealed += 1,
            false => overtaken += 1,
        }
    }
    Ok(Resealed { resealed, overtaken, unopened: changes.unopened, last: changes.last })
}

fn batch(
    connection: &Connection,
    terms: &Terms,
    request: &ResealRequest,
) -> Result<Vec<(AccountRef, Sealed)>, StoreError> {
    // No ref is empty, so the empty text comes before all of them.
    let after = request.after.as_ref().map_or("", AccountRef::as_str);
    let sql = include_str!("../../queries/sqlite/tokens_to_reseal.sql");
    let mut statement = connection.prepare_cached(sql)?;
    let params = params![after, terms.keys.sealing().id(), limit(request.limit)];
    let rows = statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.map(|row| {
        let (account_ref, key, bytes): (String, String, Vec<u8>) = row?;
        Ok((crate::rows::account_ref(&account_ref)?, Sealed { key, bytes }))
    })
    .collect()
}

/// `false` when the token is no longer what was opened.
fn replace(connection: &Connection, token: &Reseal) -> Result<bool, StoreError> {
    let Reseal { account_ref, before, after } = token;
    let sql = include_str!("../../queries/sqlite/reseal.sql");
    let params = params![account_ref.as_str(), before.key, before.bytes, after.key, after.bytes];
    Ok(execute(connection, sql, params)? > 0)
}
