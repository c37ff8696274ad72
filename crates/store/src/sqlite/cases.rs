//! Cases, for looking at and for operators.

use super::read::{
    account, all, attempt_columns, case, case_columns, non_sends_of, notifications_of,
    open_case_of, signals_of, visits_of,
};
use super::write::write;
use super::{SqliteStore, Terms, limit};
use crate::changes::{Writes, close_changes, hold_changes};
use crate::rows::StoredCase;
use crate::{CaseFilter, CaseHistory, CaseStore, OpenCase, StoreError};
use relink_core::Timestamp;
use relink_core::case::{Case, CloseReason};
use relink_core::id::CaseId;
use relink_core::time::to_millis;
use rusqlite::{Connection, params};

#[async_trait::async_trait]
impl CaseStore for SqliteStore {
    async fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| list(connection, &filter)).await
    }

    async fn case(&self, id: CaseId) -> Result<Option<CaseHistory>, StoreError> {
        self.read(move |connection| history(connection, id)).await
    }

    async fn close_case(
        &self,
        which: &OpenCase,
        reason: CloseReason,
    ) -> Result<Option<CaseId>, StoreError> {
        let which = which.clone();
        self.write(move |connection, terms, now| close(connection, terms, &which, reason, now))
            .await
    }

    async fn hold_case(&self, id: CaseId, hold: bool) -> Result<bool, StoreError> {
        self.write(move |connection, terms, now| set_hold(connection, terms, id, hold, now)).await
    }
}

fn list(connection: &Connection, filter: &CaseFilter) -> Result<Vec<Case>, StoreError> {
    let CaseFilter { open, account_ref, user_id, before, limit: most } = filter;
    // Without a page to go on from, everything is older than the end of time.
    let (at, id) =
        before.map_or((i64::MAX, String::new()), |(at, id)| (to_millis(at), id.to_string()));
    let (most, account_ref) = (limit(*most), account_ref.as_ref().map(ToString::to_string));
    let cases: Vec<StoredCase> = match (account_ref, user_id, open) {
        (Some(account_ref), user_id, open) => {
            let sql = include_str!("../../queries/sqlite/cases_of_account.sql");
            all(connection, sql, params![at, id, most, open, account_ref, user_id], case_columns)
        }
        (None, Some(user_id), open) => {
            let sql = include_str!("../../queries/sqlite/cases_of_user.sql");
            all(connection, sql, params![at, id, most, open, user_id], case_columns)
        }
        (None, None, Some(true)) => {
            let sql = include_str!("../../queries/sqlite/cases_open.sql");
            all(connection, sql, params![at, id, most], case_columns)
        }
        (None, None, Some(false)) => {
            let sql = include_str!("../../queries/sqlite/cases_closed.sql");
            all(connection, sql, params![at, id, most], case_columns)
        }
        (None, None, None) => {
            let sql = include_str!("../../queries/sqlite/cases.sql");
            all(connection, sql, params![at, id, most], case_columns)
        }
    }?;
    Ok(cases.into_iter().map(|stored| stored.case).collect())
}

fn history(connection: &Connection, id: CaseId) -> Result<Option<CaseHistory>, StoreError> {
    let Some(StoredCase { case, .. }) = case(connection, id)? else {
        return Ok(None);
    };
    let sql = include_str!("../../queries/sqlite/history_attempts.sql");
    let notifications = notifications_of(connection, id)?;
    Ok(Some(CaseHistory {
        signals: signals_of(connection, id)?,
        notifications: notifications.into_iter().map(|stored| stored.notification).collect(),
        attempts: all(connection, sql, [id.to_string()], attempt_columns)?,
        non_sends: non_sends_of(connection, id)?,
        visits: visits_of(connection, id)?,
        case,
    }))
}

fn close(
    connection: &Connection,
    terms: &Terms,
    which: &OpenCase,
    reason: CloseReason,
    now: Timestamp,
) -> Result<Option<CaseId>, StoreError> {
    let Some((id, writes)) = closing(connection, which, reason, now)? else {
        return Ok(None);
    };
    write(connection, terms, &writes, now)?;
    Ok(Some(id))
}

/// What closing a case would write.
pub(super) fn closing(
    connection: &Connection,
    which: &OpenCase,
    reason: CloseReason,
    now: Timestamp,
) -> Result<Option<(CaseId, Writes)>, StoreError> {
    let found = match which {
        OpenCase::Id(id) => case(connection, *id)?,
        OpenCase::Account(account_ref) => open_case_of(connection, account_ref)?,
    };
    let Some(StoredCase { case, .. }) = found.filter(|stored| stored.case.is_open()) else {
        return Ok(None);
    };
    let notifications = notifications_of(connection, case.id)?;
    Ok(Some((case.id, close_changes(&case, reason, &notifications, now))))
}

fn set_hold(
    connection: &Connection,
    terms: &Terms,
    id: CaseId,
    hold: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(writes) = holding(connection, id, hold, now)? else {
        return Ok(false);
    };
    write(connection, terms, &writes, now)?;
    Ok(true)
}

/// What setting or lifting a hold would write.
pub(super) fn holding(
    connection: &Connection,
    id: CaseId,
    hold: bool,
    now: Timestamp,
) -> Result<Option<Writes>, StoreError> {
    let Some(StoredCase { case, .. }) = case(connection, id)? else {
        return Ok(None);
    };
    let notifications = notifications_of(connection, id)?;
    let account_known = account(connection, &case.account_ref)?.is_some();
    Ok(hold_changes(&case, &notifications, account_known, hold, now))
}
