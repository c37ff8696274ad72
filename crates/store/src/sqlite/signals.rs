//! Signals become cases.

use super::read::{account, all, case_columns, notifications_of, one, open_case_of, value};
use super::write::write;
use super::{SqliteStore, Terms, limit};
use crate::changes::{KnownSignal, SignalSnapshot, close_changes, repeated, signal_changes};
use crate::rows::{KnownColumns, StoredCase};
use crate::{Applied, SignalStore, StoreError};
use relink_core::Timestamp;
use relink_core::case::CloseReason;
use relink_core::id::{AccountRef, EventId};
use relink_core::signal::{KnownEvent, Signal};
use relink_core::time::{from_millis, to_millis};
use rusqlite::{Connection, params};

#[async_trait::async_trait]
impl SignalStore for SqliteStore {
    async fn apply_signals(&self, signals: &[Signal]) -> Result<Vec<Applied>, StoreError> {
        let signals = signals.to_vec();
        self.write(move |connection, terms, now| {
            signals.iter().map(|signal| apply(connection, terms, signal, now)).collect()
        })
        .await
    }

    async fn known_events(&self, ids: &[EventId]) -> Result<Vec<KnownEvent>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |connection| {
            let found = ids.iter().filter_map(|id| known(connection, id).transpose());
            found.map(|row| row.map(|known| known.event)).collect()
        })
        .await
    }

    async fn expire_cases(&self, most: usize) -> Result<usize, StoreError> {
        self.write(move |connection, terms, now| expire(connection, terms, most, now)).await
    }
}

fn apply(
    connection: &Connection,
    terms: &Terms,
    signal: &Signal,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    if let Some(known) = known(connection, &signal.event_id)? {
        return Ok(repeated(signal, &known));
    }
    let snapshot = snapshot(connection, &signal.account_ref)?;
    let (applied, writes) = signal_changes(signal, snapshot, &terms.rules, now);
    write(connection, terms, &writes, now)?;
    Ok(applied)
}

pub(super) fn known(
    connection: &Connection,
    event_id: &EventId,
) -> Result<Option<KnownSignal>, StoreError> {
    let sql = include_str!("../../queries/sqlite/known_signal.sql");
    one(connection, sql, [event_id.as_str()], |row| {
        Ok(KnownColumns {
            event_id: row.get(0)?,
            account_ref: row.get(1)?,
            kind: row.get(2)?,
            digest: row.get(3)?,
            case_id: row.get(4)?,
        })
    })
}

pub(super) fn snapshot(
    connection: &Connection,
    account_ref: &AccountRef,
) -> Result<SignalSnapshot, StoreError> {
    let open_case = open_case_of(connection, account_ref)?.map(|stored| stored.case);
    let notifications = match &open_case {
        Some(case) => notifications_of(connection, case.id)?,
        None => Vec::new(),
    };
    let sql = include_str!("../../queries/sqlite/last_closed_at.sql");
    let last_closed_at: Option<i64> = value(connection, sql, [account_ref.as_str()])?;
    Ok(SignalSnapshot {
        account: account(connection, account_ref)?.map(|stored| stored.account),
        open_case,
        last_closed_at: last_closed_at.map(from_millis),
        notifications,
    })
}

fn expire(
    connection: &Connection,
    terms: &Terms,
    most: usize,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let sql = include_str!("../../queries/sqlite/expired_cases.sql");
    let cases: Vec<StoredCase> =
        all(connection, sql, params![to_millis(now), limit(most)], case_columns)?;
    for StoredCase { case, .. } in &cases {
        let notifications = notifications_of(connection, case.id)?;
        let writes = close_changes(case, CloseReason::Expired, &notifications, now);
        write(connection, terms, &writes, now)?;
    }
    Ok(cases.len())
}
