//! Rows of `attempts`.

use super::{At, millis, moment};
use crate::{AttemptRow, StoreError};
use relink_core::time::{from_millis, to_millis};

/// The columns of `attempts`, apart from `resolved_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptColumns {
    pub(crate) notification_id: String,
    pub(crate) number: i64,
    pub(crate) case_id: String,
    pub(crate) account_ref: String,
    pub(crate) step: String,
    pub(crate) channel: String,
    pub(crate) contact_id: String,
    pub(crate) address: String,
    pub(crate) started_at: i64,
    pub(crate) finished_at: Option<i64>,
    pub(crate) outcome: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) resolved_as: Option<String>,
    pub(crate) provider_message_id: Option<String>,
    pub(crate) provider_code: Option<String>,
    pub(crate) took_ms: Option<i64>,
    pub(crate) worker: String,
}

impl TryFrom<AttemptColumns> for AttemptRow {
    type Error = StoreError;

    fn try_from(row: AttemptColumns) -> Result<Self, StoreError> {
        let at = At { table: "attempts of notification", row: &row.notification_id };
        Ok(Self {
            notification_id: at.read("notification_id", &row.notification_id)?,
            number: at.count("number", row.number)?,
            case_id: at.read("case_id", &row.case_id)?,
            account_ref: at.read("account_ref", &row.account_ref)?,
            step: at.read("step", &row.step)?,
            channel: at.read("channel", &row.channel)?,
            contact_id: at.read("contact_id", &row.contact_id)?,
            started_at: from_millis(row.started_at),
            finished_at: moment(row.finished_at),
            outcome: at.read_some("outcome", row.outcome.as_ref())?,
            reason: at.read_some("reason", row.reason.as_ref())?,
            resolved_as: at.read_some("resolved_as", row.resolved_as.as_ref())?,
            worker: at.read("worker", &row.worker)?,
            address: row.address,
            provider_message_id: row.provider_message_id,
            provider_code: row.provider_code,
            took_ms: row.took_ms,
        })
    }
}

impl From<&AttemptRow> for AttemptColumns {
    fn from(row: &AttemptRow) -> Self {
        Self {
            notification_id: row.notification_id.to_string(),
            number: row.number.into(),
            case_id: row.case_id.to_string(),
            account_ref: row.account_ref.to_string(),
            step: row.step.to_string(),
            channel: row.channel.to_string(),
            contact_id: row.contact_id.to_string(),
            address: row.address.clone(),
            started_at: to_millis(row.started_at),
            finished_at: millis(row.finished_at),
            outcome: row.outcome.map(|outcome| outcome.to_string()),
            reason: row.reason.map(|reason| reason.to_string()),
            resolved_as: row.resolved_as.map(|outcome| outcome.to_string()),
            provider_message_id: row.provider_message_id.clone(),
            provider_code: row.provider_code.clone(),
            took_ms: row.took_ms,
            worker: row.worker.to_string(),
        }
    }
}
