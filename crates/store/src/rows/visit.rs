//! Rows of `visits`.

use super::At;
use crate::StoreError;
use crate::changes::VisitWrite;
use relink_core::time::{from_millis, to_millis};
use relink_core::visit::Visit;

/// The columns of `visits`, apart from its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VisitColumns {
    pub(crate) case_id: String,
    pub(crate) notification_id: Option<String>,
    pub(crate) at: i64,
    pub(crate) step: String,
    pub(crate) way: String,
    pub(crate) visitor: String,
}

impl From<&VisitWrite> for VisitColumns {
    fn from(write: &VisitWrite) -> Self {
        let VisitWrite { case_id, visit } = write;
        Self {
            case_id: case_id.to_string(),
            notification_id: visit.notification_id.map(|id| id.to_string()),
            at: to_millis(visit.at),
            step: visit.step.to_string(),
            way: visit.way.to_string(),
            visitor: visit.visitor.to_string(),
        }
    }
}

impl TryFrom<VisitColumns> for Visit {
    type Error = StoreError;

    fn try_from(row: VisitColumns) -> Result<Self, StoreError> {
        let at = At { table: "visits of case", row: &row.case_id };
        Ok(Self {
            at: from_millis(row.at),
            step: at.read("step", &row.step)?,
            way: at.read("way", &row.way)?,
            visitor: at.read("visitor", &row.visitor)?,
            notification_id: at.read_some("notification_id", row.notification_id.as_ref())?,
        })
    }
}
