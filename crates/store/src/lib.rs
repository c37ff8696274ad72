//! The only application SQL: cases, notifications, attempts and accounts, in SQLite or
//! PostgreSQL behind one interface.
//!
//! Every method is one transaction. Where a decision has to be made inside it, the store reads
//! the snapshot and calls the pure function of `relink_core` (`plan::decide`, `gate::gate`,
//! `next_step::after_attempt`): the rule lives there, the atomicity here. `now` is the store's:
//! the database server's clock where there is one, so that hosts need not agree on the time.
//!
//! Writes that many tasks make at once take batches; [`Grouped`] collects concurrent callers
//! into them, so that they share one commit.

mod audit;
mod coming_back;
mod deliver;
mod error;
mod operator;
mod types;

mod changes;
mod clock;
mod grouped;
mod marks;
mod migrations;
mod open;
mod rows;

mod postgres;
mod sqlite;

#[cfg(test)]
mod simulation;

pub use audit::{
    AuditRequest, AuditStore, Audited, Found, LATE_AFTER, StoreCheck, UNCLAIMED_AFTER,
};
pub use clock::Clock;
pub use coming_back::{
    AccountAtHand, ComingBackStore, Door, MINTS_COUNTED_OVER, Proof, Proven, Renewal, Renewed,
    WayBack,
};
pub use deliver::{
    Begin, BeginRequest, DeliveryStore, FinishRequest, Finished, LookUpRequest, OpenAttempt,
};
pub use error::StoreError;
pub use grouped::Grouped;
pub use marks::{Mark, MarkStore, Progress};
pub use open::open;
pub use operator::{Operated, OperatorAct, OperatorStore};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use types::*;
