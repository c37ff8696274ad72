//! What sealing tokens again writes: pure but for the nonce of each.

use super::Sealed;
use crate::StoreError;
use relink_core::id::AccountRef;
use relink_core::seal::KeyRing;

/// A token to be replaced, unless it is another one by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reseal {
    pub(crate) account_ref: AccountRef,
    pub(crate) before: Sealed,
    pub(crate) after: Sealed,
}

/// What a batch comes to.
#[derive(Debug, Default)]
pub(crate) struct Reseals {
    pub(crate) tokens: Vec<Reseal>,
    pub(crate) unopened: Vec<AccountRef>,
    pub(crate) last: Option<AccountRef>,
}

/// Seals every token of the batch with the first key. One that does not open is named and left as
/// it is: its key may come back.
pub(crate) fn reseals(
    batch: Vec<(AccountRef, Sealed)>,
    keys: &KeyRing,
) -> Result<Reseals, StoreError> {
    let mut reseals = Reseals::default();
    for (account_ref, before) in batch {
        reseals.last = Some(account_ref.clone());
        match before.open(&account_ref, keys) {
            Ok(token) => {
                let after = Sealed::seal(&token, &account_ref, keys)?;
                reseals.tokens.push(Reseal { account_ref, before, after });
            }
            Err(_) => reseals.unopened.push(account_ref),
        }
    }
    Ok(reseals)
}
