//! Marks: how far something that comes round again has got, and whose turn it is. Of any number
//! of workers one at a time goes round, and all of them know when it was last done.

use crate::StoreError;
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use std::time::Duration;

/// A mark at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// What the last complete round reached; `None` before the first.
    pub reached: Option<Timestamp>,
    /// The store's time.
    pub now: Timestamp,
}

/// Marks, by name.
#[async_trait::async_trait]
pub trait MarkStore: Send + Sync {
    /// Reads a mark; one that was never set is empty.
    ///
    /// # Errors
    /// Could not be read.
    async fn mark(&self, name: &str) -> Result<Mark, StoreError>;

    /// Takes the turn until `lasts` from now, or lengthens it when `who` has it already. `None`
    /// while somebody else has it.
    ///
    /// # Errors
    /// Not taken.
    async fn take_turn(
        &self,
        name: &str,
        who: &WorkerId,
        lasts: Duration,
    ) -> Result<Option<Mark>, StoreError>;

    /// Gives the turn back, if `who` still has it, and moves the mark to `reached`, unless it is
    /// further on already.
    ///
    /// # Errors
    /// Nothing was changed; the turn ends by itself.
    async fn end_turn(
        &self,
        name: &str,
        who: &WorkerId,
        reached: Option<Timestamp>,
    ) -> Result<(), StoreError>;
}
