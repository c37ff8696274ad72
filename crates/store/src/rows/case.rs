//! Rows of `cases` and `non_sends`.

use super::{At, millis, moment};
use crate::{NonSendRow, StoreError};
use relink_core::case::Case;
use relink_core::id::CaseId;
use relink_core::time::{from_millis, to_millis};
use relink_core::trace::TraceContext;

/// A case with the trace of the signal that opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredCase {
    pub(crate) case: Case,
    pub(crate) trace: Option<TraceContext>,
}

/// The columns of `cases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseColumns {
    pub(crate) case_id: String,
    pub(crate) account_ref: String,
    pub(crate) kind: String,
    pub(crate) opened_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) hold: Option<String>,
    pub(crate) closed_at: Option<i64>,
    pub(crate) close_reason: Option<String>,
    pub(crate) signals: i64,
    pub(crate) emr_instance_domain: Option<String>,
    pub(crate) error_type: Option<String>,
    pub(crate) trace: Option<String>,
}

impl TryFrom<CaseColumns> for StoredCase {
    type Error = StoreError;

    fn try_from(row: CaseColumns) -> Result<Self, StoreError> {
        let at = At { table: "cases", row: &row.case_id };
        Ok(Self {
            case: Case {
                id: at.read("case_id", &row.case_id)?,
                account_ref: at.read("account_ref", &row.account_ref)?,
                kind: at.read("kind", &row.kind)?,
                opened_at: from_millis(row.opened_at),
                expires_at: from_millis(row.expires_at),
                hold: at.read_some("hold", row.hold.as_ref())?,
                closed_at: moment(row.closed_at),
                close_reason: at.read_some("close_reason", row.close_reason.as_ref())?,
                signals: at.count("signals", row.signals)?,
                emr_instance_domain: row.emr_instance_domain,
                error_type: row.error_type,
            },
            // A trace only ties logs together: a damaged one is not worth refusing the case for.
            trace: row.trace.and_then(|text| text.parse().ok()),
        })
    }
}

impl CaseColumns {
    /// The columns of a case; `trace` is written when it is opened and left alone after.
    pub(crate) fn new(case: &Case, trace: Option<TraceContext>) -> Self {
        Self {
            case_id: case.id.to_string(),
            account_ref: case.account_ref.to_string(),
            kind: case.kind.to_string(),
            opened_at: to_millis(case.opened_at),
            expires_at: to_millis(case.expires_at),
            hold: case.hold.map(|hold| hold.to_string()),
            closed_at: millis(case.closed_at),
            close_reason: case.close_reason.map(|reason| reason.to_string()),
            signals: case.signals.into(),
            emr_instance_domain: case.emr_instance_domain.clone(),
            error_type: case.error_type.clone(),
            trace: trace.map(|trace| trace.to_string()),
        }
    }
}

/// The columns of `non_sends`, apart from its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NonSendColumns {
    pub(crate) case_id: String,
    pub(crate) notification_id: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) contact_id: Option<String>,
    pub(crate) at: i64,
    pub(crate) decision: String,
    pub(crate) reason: String,
}

impl NonSendColumns {
    pub(crate) fn new(case_id: CaseId, row: &NonSendRow) -> Self {
        Self {
            case_id: case_id.to_string(),
            notification_id: row.notification_id.map(|id| id.to_string()),
            step: row.step.as_ref().map(ToString::to_string),
            contact_id: row.contact_id.as_ref().map(ToString::to_string),
            at: to_millis(row.at),
            decision: row.decision.to_string(),
            reason: row.reason.to_string(),
        }
    }
}

impl TryFrom<NonSendColumns> for NonSendRow {
    type Error = StoreError;

    fn try_from(row: NonSendColumns) -> Result<Self, StoreError> {
        let at = At { table: "non_sends of case", row: &row.case_id };
        Ok(Self {
            at: from_millis(row.at),
            notification_id: at.read_some("notification_id", row.notification_id.as_ref())?,
            step: at.read_some("step", row.step.as_ref())?,
            contact_id: at.read_some("contact_id", row.contact_id.as_ref())?,
            decision: at.read("decision", &row.decision)?,
            reason: at.read("reason", &row.reason)?,
        })
    }
}
