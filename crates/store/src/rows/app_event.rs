//! Rows of `app_events` and `app_deliveries`.

use super::{At, moment};
use crate::changes::AppEventWrite;
use crate::{AppDeliveryRow, Backlog, DueEvent, StoreError};
use relink_core::Timestamp;
use relink_core::time::{from_millis, since, to_millis};

/// The columns of `app_events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppEventColumns {
    pub(crate) event_id: String,
    pub(crate) kind: String,
    pub(crate) case_id: String,
    pub(crate) account_ref: String,
    pub(crate) at: i64,
    pub(crate) body: String,
}

impl From<&AppEventWrite> for AppEventColumns {
    fn from(write: &AppEventWrite) -> Self {
        let event = &write.event;
        Self {
            event_id: event.id.to_string(),
            kind: event.kind.to_string(),
            case_id: event.case_id.to_string(),
            account_ref: event.account_ref.to_string(),
            at: to_millis(event.at),
            body: event.body.clone(),
        }
    }
}

/// A taken delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueEventColumns {
    pub(crate) event_id: String,
    pub(crate) endpoint: String,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) tries: i64,
    pub(crate) lease: i64,
}

impl TryFrom<DueEventColumns> for DueEvent {
    type Error = StoreError;

    fn try_from(row: DueEventColumns) -> Result<Self, StoreError> {
        let at = At { table: "app_deliveries", row: &row.event_id };
        Ok(Self {
            event_id: at.read("event_id", &row.event_id)?,
            endpoint: at.read("endpoint", &row.endpoint)?,
            kind: at.read("kind", &row.kind)?,
            tries: at.count("tries", row.tries)?,
            lease: from_millis(row.lease),
            body: row.body,
        })
    }
}

/// A delivery with its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppDeliveryColumns {
    pub(crate) event_id: String,
    pub(crate) kind: String,
    pub(crate) case_id: String,
    pub(crate) account_ref: String,
    pub(crate) at: i64,
    pub(crate) endpoint: String,
    pub(crate) state: String,
    pub(crate) tries: i64,
    pub(crate) last_status: Option<i64>,
    pub(crate) last_at: Option<i64>,
}

impl TryFrom<AppDeliveryColumns> for AppDeliveryRow {
    type Error = StoreError;

    fn try_from(row: AppDeliveryColumns) -> Result<Self, StoreError> {
        let at = At { table: "app_deliveries", row: &row.event_id };
        Ok(Self {
            event_id: at.read("event_id", &row.event_id)?,
            kind: at.read("kind", &row.kind)?,
            case_id: at.read("case_id", &row.case_id)?,
            account_ref: at.read("account_ref", &row.account_ref)?,
            at: from_millis(row.at),
            endpoint: at.read("endpoint", &row.endpoint)?,
            state: at.read("state", &row.state)?,
            tries: at.count("tries", row.tries)?,
            last_status: row.last_status.and_then(|status| u16::try_from(status).ok()),
            last_at: moment(row.last_at),
        })
    }
}

/// What waits for an endpoint.
pub(crate) fn backlog(
    endpoint: &str,
    pending: i64,
    oldest: i64,
    now: Timestamp,
) -> Result<Backlog, StoreError> {
    let at = At { table: "app_deliveries", row: endpoint };
    Ok(Backlog {
        endpoint: at.read("endpoint", endpoint)?,
        pending: u64::try_from(pending).unwrap_or_default(),
        oldest: since(from_millis(oldest), now),
    })
}
