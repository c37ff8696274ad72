//! Rows of `operator_log`. Read as they are: it is the chain that tells whether one is damaged.

use crate::StoreError;
use relink_core::operator_log::Entry;

/// The columns of `operator_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogColumns {
    pub(crate) sequence: i64,
    pub(crate) at: i64,
    pub(crate) operator: String,
    pub(crate) action: String,
    pub(crate) subject_kind: String,
    pub(crate) subject_id: String,
    pub(crate) detail: String,
    pub(crate) prev_hash: String,
    pub(crate) hash: String,
}

impl From<Entry> for LogColumns {
    fn from(entry: Entry) -> Self {
        Self {
            // Numbers are counted up one by one from 1.
            sequence: i64::try_from(entry.sequence).unwrap_or(i64::MAX),
            at: entry.at,
            operator: entry.operator,
            action: entry.action,
            subject_kind: entry.subject_kind,
            subject_id: entry.subject_id,
            detail: entry.detail,
            prev_hash: entry.prev_hash,
            hash: entry.hash,
        }
    }
}

impl TryFrom<LogColumns> for Entry {
    type Error = StoreError;

    fn try_from(row: LogColumns) -> Result<Self, StoreError> {
        let sequence = u64::try_from(row.sequence).map_err(|_| {
            StoreError::Refused(format!("operator_log has an entry of number {}", row.sequence))
        })?;
        Ok(Self {
            sequence,
            at: row.at,
            operator: row.operator,
            action: row.action,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            detail: row.detail,
            prev_hash: row.prev_hash,
            hash: row.hash,
        })
    }
}
