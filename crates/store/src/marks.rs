//! Marks: how far something that comes round again has got, and whose turn it is. Of any number
//! of workers one at a time goes round, and all of them know when it was last done.

use crate::StoreError;
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use std::time::Duration;

/// A mark at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Up to when everything was looked at; `None` before the first turn.
    pub reached: Option<Timestamp>,
    /// What the last round noted of what it could not look at.
    pub arrears: Option<String>,
    /// The store's time.
    pub now: Timestamp,
}

/// How far a round has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Up to when everything has been looked at; `None`: the mark stays where it is.
    pub reached: Option<Timestamp>,
    /// In place of what was noted before. The store does not read it.
    pub arrears: String,
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

    /// Gives the turn back and records `progress`; the mark never moves back. Nothing happens once
    /// somebody else has the turn: that round's word counts.
    ///
    /// # Errors
    /// Nothing was changed; the turn ends by itself.
    async fn end_turn(
        &self,
        name: &str,
        who: &WorkerId,
        progress: Option<&Progress>,
    ) -> Result<(), StoreError>;
}
