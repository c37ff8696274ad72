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

mod app_events;
mod audit;
mod coming_back;
mod deliver;
mod error;
mod feed;
mod keys;
mod operator;
mod put_off;
mod time_zones;
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

pub use app_events::{
    AppDeliveryFilter, AppDeliveryRow, AppEventStore, Backlog, DueEvent, TELL_LEASE, TryEnd,
};
pub use audit::{
    AuditRequest, AuditStore, Audited, Found, LATE_AFTER, StoreCheck, UNCLAIMED_AFTER,
};
pub use clock::Clock;
pub use coming_back::{
    AccountAtHand, ComingBackStore, Door, MINTS_COUNTED_OVER, PROOF_HOLDS, Proof, Proven, Renewal,
    Renewed, WayBack,
};
pub use deliver::{
    Begin, BeginRequest, DeliveryStore, FinishRequest, Finished, LookUpRequest, OpenAttempt,
};
pub use error::StoreError;
pub use feed::{FeedStore, UsersCase, UsersCases};
pub use grouped::Grouped;
pub use keys::{KeyStore, ResealRequest, Resealed, SealedTokens};
pub use marks::{Mark, MarkStore, Progress};
pub use open::open;
pub use operator::{Operated, OperatorAct, OperatorStore};
pub use postgres::PostgresStore;
pub use put_off::{PutOff, PutOffRequest, PutOffStore};
pub use sqlite::SqliteStore;
pub use time_zones::{ASK_AGAIN_AFTER, TimeZoneStore, ZoneWanted};
pub use types::*;
