//! Intent before, outcome after.

use super::read::{attempt, case, contact, notification, value};
use super::write::{execute, write};
use super::{SqliteStore, Terms};
use crate::changes::{
    BeginSnapshot, FinishSnapshot, begin_changes, finish_changes, look_up_changes,
};
use crate::{
    Begin, BeginRequest, DeliveryStore, FinishRequest, Finished, LookUpRequest, StoreError,
};
use relink_core::Timestamp;
use relink_core::id::NotificationId;
use relink_core::time::{after, to_millis};
use rusqlite::{Connection, params};
use std::time::Duration;

#[async_trait::async_trait]
impl DeliveryStore for SqliteStore {
    async fn begin(&self, requests: &[BeginRequest]) -> Result<Vec<Begin>, StoreError> {
        let requests = requests.to_vec();
        self.write(move |connection, terms, now| {
            requests.iter().map(|request| begin(connection, terms, request, now)).collect()
        })
        .await
    }

    async fn finish(&self, requests: &[FinishRequest]) -> Result<Vec<Finished>, StoreError> {
        let requests = requests.to_vec();
        self.write(move |connection, terms, now| {
            requests.iter().map(|request| finish(connection, terms, request, now)).collect()
        })
        .await
    }

    async fn finish_look_up(&self, request: &LookUpRequest) -> Result<Finished, StoreError> {
        let request = request.clone();
        self.write(move |connection, terms, now| {
            let snapshot = under_way(connection, request.notification_id, request.number)?;
            let (finished, writes) = look_up_changes(&request, snapshot, now);
            write(connection, terms, &writes, now)?;
            Ok(finished)
        })
        .await
    }

    async fn renew(
        &self,
        id: NotificationId,
        fence: i64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.write(move |connection, _, now| {
            let sql = include_str!("../../queries/sqlite/renew.sql");
            let until = to_millis(after(now, lease));
            let row = params![id.to_string(), fence, until, to_millis(now)];
            Ok(execute(connection, sql, row)? == 1)
        })
        .await
    }
}

fn begin(
    connection: &Connection,
    terms: &Terms,
    request: &BeginRequest,
    now: Timestamp,
) -> Result<Begin, StoreError> {
    let Some(snapshot) = asked_for(connection, request.notification_id)? else {
        return Ok(Begin::NotNow);
    };
    let (begin, writes) = begin_changes(request, snapshot, &terms.rules, &terms.keys, now);
    write(connection, terms, &writes, now)?;
    Ok(begin)
}

pub(super) fn asked_for(
    connection: &Connection,
    id: NotificationId,
) -> Result<Option<BeginSnapshot>, StoreError> {
    let Some(stored) = notification(connection, id)? else {
        return Ok(None);
    };
    let row = &stored.notification;
    let Some(case) = case(connection, row.case_id)? else {
        return Err(crate::rows::no_case(id, row.case_id));
    };
    let sql = include_str!("../../queries/sqlite/sent_before.sql");
    let sent_before = value(
        connection,
        sql,
        [row.case_id.to_string(), id.to_string(), row.contact_id.to_string()],
    )?;
    Ok(Some(BeginSnapshot {
        contact: contact(connection, &row.account_ref, &row.contact_id)?,
        last_attempt: attempt(connection, id, row.attempts)?,
        case,
        sent_before,
        notification: stored,
    }))
}

fn finish(
    connection: &Connection,
    terms: &Terms,
    request: &FinishRequest,
    now: Timestamp,
) -> Result<Finished, StoreError> {
    let snapshot = under_way(connection, request.notification_id, request.number)?;
    let (finished, writes) = finish_changes(request, snapshot, &terms.rules, now);
    write(connection, terms, &writes, now)?;
    Ok(finished)
}

fn under_way(
    connection: &Connection,
    id: NotificationId,
    number: u32,
) -> Result<FinishSnapshot, StoreError> {
    let unknown = || crate::rows::no_attempt(id, number);
    let stored = notification(connection, id)?.ok_or_else(unknown)?;
    let attempt = attempt(connection, id, number)?.ok_or_else(unknown)?;
    let row = &stored.notification;
    let case =
        case(connection, row.case_id)?.ok_or_else(|| crate::rows::no_case(id, row.case_id))?.case;
    let contact = contact(connection, &row.account_ref, &row.contact_id)?;
    Ok(FinishSnapshot { notification: stored, case, contact, attempt })
}
