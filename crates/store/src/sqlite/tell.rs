//! Telling the customer's app.

use super::read::{all, case, notifications_of, one, value};
use super::write::execute;
use super::{SqliteStore, limit};
use crate::changes::{AppEventWrite, Around, Concerned};
use crate::rows::{AppDeliveryColumns, AppEventColumns, DueEventColumns};
use crate::{
    AppDeliveryFilter, AppDeliveryRow, AppEventStore, Backlog, DueEvent, StoreError, TELL_LEASE,
    TryEnd,
};
use relink_core::Timestamp;
use relink_core::app_event::{DeliveryState, KEPT_FOR, Owner};
use relink_core::id::{AccountRef, AppEventId, CaseId, EndpointId};
use relink_core::time::{after, earlier, from_millis, since, to_millis};
use rusqlite::{Connection, Row, params};
use std::time::Duration;

#[async_trait::async_trait]
impl AppEventStore for SqliteStore {
    async fn claim_events(
        &self,
        endpoint: &EndpointId,
        most: usize,
    ) -> Result<Vec<DueEvent>, StoreError> {
        let endpoint = endpoint.clone();
        self.write(move |connection, _, now| claim(connection, &endpoint, most, now)).await
    }

    async fn told(
        &self,
        event: &DueEvent,
        end: TryEnd,
        status: Option<u16>,
    ) -> Result<bool, StoreError> {
        let (id, endpoint) = (event.event_id.to_string(), event.endpoint.clone());
        let lease = to_millis(event.lease);
        self.write(move |connection, _, now| {
            let (state, wait) = match end {
                TryEnd::Delivered => (DeliveryState::Delivered, Duration::ZERO),
                TryEnd::Again(wait) => (DeliveryState::Pending, wait),
                TryEnd::GivenUp => (DeliveryState::GivenUp, Duration::ZERO),
            };
            let due = to_millis(after(now, wait));
            let sql = include_str!("../../queries/sqlite/told.sql");
            let row =
                params![id, endpoint.as_str(), lease, state.as_str(), due, status, to_millis(now)];
            Ok(execute(connection, sql, row)? == 1)
        })
        .await
    }

    async fn give_up_endpoint(
        &self,
        endpoint: &EndpointId,
        status: u16,
    ) -> Result<u64, StoreError> {
        let endpoint = endpoint.clone();
        self.write(move |connection, _, now| {
            let sql = include_str!("../../queries/sqlite/give_up_endpoint.sql");
            let given_up =
                execute(connection, sql, params![endpoint.as_str(), status, to_millis(now)])?;
            Ok(u64::try_from(given_up).unwrap_or(u64::MAX))
        })
        .await
    }

    async fn next_event_in(&self, endpoint: &EndpointId) -> Result<Option<Duration>, StoreError> {
        let endpoint = endpoint.clone();
        let due: Option<i64> = self
            .read(move |connection| {
                let sql = include_str!("../../queries/sqlite/next_event.sql");
                value(connection, sql, [endpoint.as_str()])
            })
            .await?;
        Ok(due.map(|due| since(self.terms.clock.now(), from_millis(due))))
    }

    async fn event_backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let now = self.terms.clock.now();
        self.read(move |connection| {
            let sql = include_str!("../../queries/sqlite/event_backlog.sql");
            let rows: Vec<(String, i64, i64)> =
                all(connection, sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.into_iter()
                .map(|(endpoint, pending, oldest)| {
                    crate::rows::backlog(&endpoint, pending, oldest, now)
                })
                .collect()
        })
        .await
    }

    async fn app_deliveries(
        &self,
        filter: AppDeliveryFilter,
    ) -> Result<Vec<AppDeliveryRow>, StoreError> {
        self.read(move |connection| {
            let sql = include_str!("../../queries/sqlite/app_deliveries.sql");
            all(connection, sql, params![filter.failed, limit(filter.limit)], delivery_columns)
        })
        .await
    }

    async fn forget_events(&self, most: usize) -> Result<usize, StoreError> {
        self.write(move |connection, _, now| forget(connection, most, now)).await
    }
}

fn claim(
    connection: &Connection,
    endpoint: &EndpointId,
    most: usize,
    now: Timestamp,
) -> Result<Vec<DueEvent>, StoreError> {
    let until = to_millis(after(now, TELL_LEASE));
    let sql = include_str!("../../queries/sqlite/due_events.sql");
    let due: Vec<DueEvent> = all(
        connection,
        sql,
        params![endpoint.as_str(), to_millis(now), limit(most), until],
        due_columns,
    )?;
    let sql = include_str!("../../queries/sqlite/take_event.sql");
    for event in &due {
        execute(connection, sql, params![event.event_id.to_string(), endpoint.as_str(), until])?;
    }
    Ok(due)
}

fn forget(connection: &Connection, most: usize, now: Timestamp) -> Result<usize, StoreError> {
    let sql = include_str!("../../queries/sqlite/old_events.sql");
    let before = to_millis(earlier(now, KEPT_FOR));
    let old: Vec<String> =
        all(connection, sql, params![before, limit(most)], |row| row.get::<_, String>(0))?;
    for id in &old {
        execute(connection, include_str!("../../queries/sqlite/forget_deliveries.sql"), [id])?;
        execute(connection, include_str!("../../queries/sqlite/forget_event.sql"), [id])?;
    }
    Ok(old.len())
}

/// Has the event told once more; answers how many deliveries that makes.
pub(super) fn replay_event(
    connection: &Connection,
    id: AppEventId,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let sql = include_str!("../../queries/sqlite/replay_event.sql");
    let revived: Vec<String> =
        all(connection, sql, params![id.to_string(), to_millis(now)], |row| {
            row.get::<_, String>(0)
        })?;
    Ok(revived.len())
}

/// What is known of accounts before something is written.
pub(super) fn owners(connection: &Connection, concerned: &Concerned) -> Result<Around, StoreError> {
    let mut around = Around::default();
    let sql = include_str!("../../queries/sqlite/owner.sql");
    for account_ref in &concerned.accounts {
        if let Some(owner) = owner(connection, sql, account_ref)? {
            around.owners.insert(account_ref.clone(), owner);
        }
    }
    Ok(around)
}

fn owner(
    connection: &Connection,
    sql: &str,
    account_ref: &AccountRef,
) -> Result<Option<Owner>, StoreError> {
    one(connection, sql, [account_ref.as_str()], |row| {
        Ok(Owner { user_id: row.get(0)?, org_id: row.get(1)? })
    })
}

/// What has become of the concerned cases.
pub(super) fn read_cases(
    connection: &Connection,
    concerned: &Concerned,
    around: &mut Around,
) -> Result<(), StoreError> {
    for id in concerned.cases.iter().copied() {
        let id: CaseId = id;
        if let Some(stored) = case(connection, id)? {
            around.cases.insert(id, stored.case);
        }
        let notifications = notifications_of(connection, id)?;
        let states = notifications.iter().map(|stored| stored.notification.state).collect();
        around.states.insert(id, states);
    }
    Ok(())
}

/// Inserts an event and its deliveries, unless it is there.
pub(super) fn insert_event(
    connection: &Connection,
    write: &AppEventWrite,
) -> Result<(), StoreError> {
    let e = AppEventColumns::from(write);
    let sql = include_str!("../../queries/sqlite/insert_app_event.sql");
    let row = params![e.event_id, e.kind, e.case_id, e.account_ref, e.at, e.body];
    if execute(connection, sql, row)? == 0 {
        return Ok(());
    }
    let sql = include_str!("../../queries/sqlite/insert_app_delivery.sql");
    for endpoint in &write.endpoints {
        execute(connection, sql, params![e.event_id, endpoint.as_str(), e.at])?;
    }
    Ok(())
}

fn due_columns(row: &Row<'_>) -> rusqlite::Result<DueEventColumns> {
    Ok(DueEventColumns {
        event_id: row.get(0)?,
        endpoint: row.get(1)?,
        kind: row.get(2)?,
        body: row.get(3)?,
        tries: row.get(4)?,
        lease: row.get(5)?,
    })
}

fn delivery_columns(row: &Row<'_>) -> rusqlite::Result<AppDeliveryColumns> {
    Ok(AppDeliveryColumns {
        event_id: row.get(0)?,
        kind: row.get(1)?,
        case_id: row.get(2)?,
        account_ref: row.get(3)?,
        at: row.get(4)?,
        endpoint: row.get(5)?,
        state: row.get(6)?,
        tries: row.get(7)?,
        last_status: row.get(8)?,
        last_at: row.get(9)?,
    })
}
