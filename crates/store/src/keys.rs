//! Which keys the access tokens are sealed with, and sealing them again with the first one. A
//! token is replaced only where it still is what was opened, so that one registered meanwhile is
//! never put back to what it was before.

use crate::StoreError;
use relink_core::id::AccountRef;

/// How many access tokens a key sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTokens {
    /// The key's id, as stored with each token.
    pub key: String,
    /// How many.
    pub tokens: u64,
}

/// Which access tokens to seal again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResealRequest {
    /// Behind this account, in the order of their refs; `None` from the first on.
    pub after: Option<AccountRef>,
    /// At most this many.
    pub limit: usize,
    /// Only opens them, and writes nothing.
    pub dry_run: bool,
}

/// What became of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed with the first key now; on a dry run: would be.
    pub resealed: usize,
    /// Left alone, because they were registered again or deleted meanwhile.
    pub overtaken: usize,
    /// Those that no configured key opens: their key is missing, or the row is damaged.
    pub unopened: Vec<AccountRef>,
    /// The last account of the batch, behind which to go on; `None` when there was none.
    pub last: Option<AccountRef>,
}

/// Keys of access tokens.
#[async_trait::async_trait]
pub trait KeyStore: Send + Sync {
    /// How many tokens each key sealed, by id, whether or not it is configured.
    ///
    /// # Errors
    /// Could not be read.
    async fn sealed_tokens(&self) -> Result<Vec<SealedTokens>, StoreError>;

    /// Opens the next tokens that another key than the first configured one sealed, and seals them
    /// with that, all in one transaction. Any number may do so at once, beside everything else.
    ///
    /// # Errors
    /// Nothing of the batch was changed.
    async fn reseal(&self, request: &ResealRequest) -> Result<Resealed, StoreError>;
}
