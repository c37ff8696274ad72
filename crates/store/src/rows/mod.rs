//! Rows as both databases hand them over (texts and whole numbers) and as the rest of the crate
//! uses them. A value that does not read is damage: it is reported with table, row and column,
//! never guessed, and never repeated if it could be an address.

mod account;
mod app_event;
mod attempt;
mod case;
mod notification;
mod operator_log;
mod signal;
mod visit;

pub(crate) use account::{AccountColumns, ContactColumns, ZoneColumns};
pub(crate) use app_event::{AppDeliveryColumns, AppEventColumns, DueEventColumns, backlog};
pub(crate) use attempt::AttemptColumns;
pub(crate) use case::{CaseColumns, NonSendColumns, StoredCase};
pub(crate) use notification::{NotificationColumns, StoredNotification};
pub(crate) use operator_log::LogColumns;
pub(crate) use signal::{KnownColumns, SignalColumns};
pub(crate) use visit::VisitColumns;

use crate::{Due, StoreError};
use relink_core::Timestamp;
use relink_core::id::{AccountRef, CaseId, NotificationId};
use relink_core::time::{from_millis, to_millis};
use std::fmt::Display;
use std::str::FromStr;

/// Names the row that a value came from, for errors.
#[derive(Clone, Copy)]
struct At<'a> {
    table: &'static str,
    row: &'a str,
}

impl At<'_> {
    fn damaged(self, column: &str, error: impl Display) -> StoreError {
        let Self { table, row } = self;
        StoreError::Refused(format!("row {row} of {table} is damaged in {column}: {error}"))
    }

    fn read<T: FromStr<Err: Display>>(self, column: &str, text: &str) -> Result<T, StoreError> {
        text.parse().map_err(|error| self.damaged(column, error))
    }

    fn read_some<T: FromStr<Err: Display>>(
        self,
        column: &str,
        text: Option<&String>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| self.read(column, text)).transpose()
    }

    fn count(self, column: &str, number: i64) -> Result<u32, StoreError> {
        u32::try_from(number).map_err(|error| self.damaged(column, error))
    }
}

fn moment(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(from_millis)
}

fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(to_millis)
}

/// A claimed notification.
pub(crate) fn due(id: &str, channel: &str, trace: Option<&str>) -> Result<Due, StoreError> {
    let at = At { table: "notifications", row: id };
    Ok(Due {
        notification_id: at.read("notification_id", id)?,
        channel: at.read("channel", channel)?,
        trace: trace.and_then(|text| text.parse().ok()),
    })
}

/// The account of a row that is read for nothing else.
pub(crate) fn account_ref(text: &str) -> Result<AccountRef, StoreError> {
    At { table: "accounts", row: text }.read("account_ref", text)
}

/// A notification whose case is missing: damage.
pub(crate) fn no_case(id: NotificationId, case: CaseId) -> StoreError {
    StoreError::Refused(format!("notification {id} belongs to case {case}, which is not there"))
}

/// An outcome of something that was never begun.
pub(crate) fn no_attempt(id: NotificationId, number: u32) -> StoreError {
    StoreError::NeverBegun(format!("attempt {number} of notification {id} was never begun here"))
}

/// For columns that are taken as they are.
impl From<std::convert::Infallible> for StoreError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
