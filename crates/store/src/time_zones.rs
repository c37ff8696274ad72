//! The interface of time zones: which accounts Cobalt is asked about, so that contacts without a zone
//! of their own have one.

use crate::StoreError;
use relink_core::id::AccountRef;
use relink_core::masked::Secret;
use std::time::Duration;

/// How old an answer may get before Cobalt is asked again.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How soon an account is asked about again when nothing came of it.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// An account whose zone is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneWanted {
    /// Which.
    pub account_ref: AccountRef,
    /// What Cobalt is asked with, or why it does not open.
    pub access_token: Result<Secret, StoreError>,
}

/// The zones of accounts.
#[async_trait::async_trait]
pub trait TimeZoneStore: Send + Sync {
    /// Takes up to `limit` accounts with a contact without a zone that were not asked about since
    /// they were last registered, or within [`ASK_AGAIN_AFTER`]; none with an open case of a broken
    /// login, about which Cobalt says nothing. Concurrent callers get different ones. What is not
    /// noted comes again after an hour.
    ///
    /// # Errors
    /// Nothing was taken.
    async fn claim_zones_wanted(&self, limit: usize) -> Result<Vec<ZoneWanted>, StoreError>;

    /// Records what Cobalt says of an account's zone, `None` for nothing, unless the account was
    /// registered again meanwhile.
    ///
    /// # Errors
    /// Nothing was written.
    async fn note_zone(
        &self,
        account_ref: &AccountRef,
        time_zone: Option<&str>,
    ) -> Result<(), StoreError>;
}
