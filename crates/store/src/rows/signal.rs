//! Rows of `signals`.

use super::At;
use crate::changes::KnownSignal;
use crate::{SignalRow, StoreError};
use relink_core::id::CaseId;
use relink_core::signal::{KnownEvent, Signal};
use relink_core::time::{from_millis, to_millis};

/// The columns of `signals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignalColumns {
    pub(crate) event_id: String,
    pub(crate) account_ref: String,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) occurred_at: i64,
    pub(crate) received_at: i64,
    pub(crate) applied_at: i64,
    pub(crate) emr_instance_domain: Option<String>,
    pub(crate) error_type: Option<String>,
    pub(crate) digest: String,
    pub(crate) trace: Option<String>,
    pub(crate) result: String,
    pub(crate) case_id: Option<String>,
}

impl SignalColumns {
    pub(crate) fn new(row: &SignalRow, case_id: Option<CaseId>) -> Self {
        let SignalRow { signal, result, applied_at } = row;
        Self {
            event_id: signal.event_id.to_string(),
            account_ref: signal.account_ref.to_string(),
            kind: signal.kind.to_string(),
            source: signal.source.to_string(),
            occurred_at: to_millis(signal.occurred_at),
            received_at: to_millis(signal.received_at),
            applied_at: to_millis(*applied_at),
            emr_instance_domain: signal.emr_instance_domain.clone(),
            error_type: signal.error_type.clone(),
            digest: signal.digest.clone(),
            trace: signal.trace.map(|trace| trace.to_string()),
            result: result.to_string(),
            case_id: case_id.map(|id| id.to_string()),
        }
    }
}

impl TryFrom<SignalColumns> for SignalRow {
    type Error = StoreError;

    fn try_from(row: SignalColumns) -> Result<Self, StoreError> {
        let at = At { table: "signals", row: &row.event_id };
        Ok(Self {
            signal: Signal {
                event_id: at.read("event_id", &row.event_id)?,
                account_ref: at.read("account_ref", &row.account_ref)?,
                kind: at.read("kind", &row.kind)?,
                source: at.read("source", &row.source)?,
                occurred_at: from_millis(row.occurred_at),
                received_at: from_millis(row.received_at),
                emr_instance_domain: row.emr_instance_domain,
                error_type: row.error_type,
                digest: row.digest,
                trace: row.trace.and_then(|text| text.parse().ok()),
            },
            result: at.read("result", &row.result)?,
            applied_at: from_millis(row.applied_at),
        })
    }
}

/// The columns of `signals` that tell one event from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownColumns {
    pub(crate) event_id: String,
    pub(crate) account_ref: String,
    pub(crate) kind: String,
    pub(crate) digest: String,
    pub(crate) case_id: Option<String>,
}

impl TryFrom<KnownColumns> for KnownSignal {
    type Error = StoreError;

    fn try_from(row: KnownColumns) -> Result<Self, StoreError> {
        let at = At { table: "signals", row: &row.event_id };
        Ok(Self {
            event: KnownEvent {
                event_id: at.read("event_id", &row.event_id)?,
                account_ref: at.read("account_ref", &row.account_ref)?,
                kind: at.read("kind", &row.kind)?,
                digest: row.digest,
            },
            case_id: row.case_id.and_then(|text| text.parse().ok()),
        })
    }
}
