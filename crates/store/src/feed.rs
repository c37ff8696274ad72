//! The interface of the in-app feed: what is open for users who are looking, all of them at once.

use crate::StoreError;
use relink_core::Timestamp;
use relink_core::case::Case;

/// An open case of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersCase {
    /// Whose account it is of.
    pub user_id: String,
    /// The case.
    pub case: Case,
    /// Whether a notification of it on the channel `in_app` was sent.
    pub told_in_app: bool,
}

/// What is open for some users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersCases {
    /// When it was read, by the store's clock.
    pub now: Timestamp,
    /// Ordered by user, then oldest first.
    pub cases: Vec<UsersCase>,
}

/// What the customer's app shows.
#[async_trait::async_trait]
pub trait FeedStore: Send + Sync {
    /// The open cases of all these users, in one query; records nothing. A case whose account is not
    /// registered has no user yet.
    ///
    /// # Errors
    /// Could not be read.
    async fn open_cases_of_users(&self, user_ids: &[String]) -> Result<UsersCases, StoreError>;
}
