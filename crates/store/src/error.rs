//! Why the store could not do it, told by who has to act: nobody, the disk's owner, whoever
//! upgrades, whoever keeps the keys, or us. Never repeats a token or an address.

/// Why the store could not do it. Can be cloned, because one failed commit is the answer to
/// everybody who shared it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not reachable, busy or restarting: nothing was written, try again.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The disk under SQLite is full or failing.
    #[error("the store's disk: {0}")]
    Disk(String),
    /// The schema is older or newer than this release; run `relink migrate`, or upgrade.
    #[error("{0}")]
    Schema(String),
    /// A stored access token does not open with any configured key.
    #[error("an access token cannot be opened: {0}")]
    Sealed(String),
    /// No such attempt is on record: the case was purged, or this is another database. Nothing was
    /// written, and nothing ever can be.
    #[error("{0}")]
    NeverBegun(String),
    /// A fault of ours or damaged data. Nothing was written.
    #[error("the store refused: {0}")]
    Refused(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody acting.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Disk(_) => true,
            Self::Schema(_) | Self::Sealed(_) | Self::NeverBegun(_) | Self::Refused(_) => false,
        }
    }
}
