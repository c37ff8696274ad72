//! Attempts.

use super::text;
use relink_store::AttemptRow;
use serde::Serialize;
use utoipa::ToSchema;

/// One try.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptView {
    notification_id: String,
    number: u32,
    case_id: String,
    account_ref: String,
    step: String,
    channel: String,
    contact_id: String,
    address: String,
    started_at: String,
    finished_at: Option<String>,
    outcome: Option<String>,
    reason: Option<String>,
    resolved_as: Option<String>,
    provider_message_id: Option<String>,
    provider_code: Option<String>,
    took_ms: Option<i64>,
}

/// A page of attempts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptPage {
    pub(crate) attempts: Vec<AttemptView>,
    /// Hand it back as `cursor`; null on the last page.
    pub(crate) next: Option<String>,
}

impl From<AttemptRow> for AttemptView {
    fn from(row: AttemptRow) -> Self {
        Self {
            notification_id: text(row.notification_id),
            number: row.number,
            case_id: text(row.case_id),
            account_ref: text(&row.account_ref),
            step: text(&row.step),
            channel: text(row.channel),
            contact_id: text(&row.contact_id),
            address: row.address,
            started_at: text(row.started_at),
            finished_at: row.finished_at.map(text),
            outcome: row.outcome.map(text),
            reason: row.reason.map(text),
            resolved_as: row.resolved_as.map(text),
            provider_message_id: row.provider_message_id,
            provider_code: row.provider_code,
            took_ms: row.took_ms,
        }
    }
}
