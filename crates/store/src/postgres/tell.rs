//! Telling the customer's app.

use super::columns::read_all;
use super::error::Failure;
use super::transaction::{NOW, Query, Transaction, query};
use super::{PostgresStore, limit, read};
use crate::changes::{Around, Concerned};
use crate::rows::{AppDeliveryColumns, DueEventColumns, backlog};
use crate::{
    AppDeliveryFilter, AppDeliveryRow, AppEventStore, Backlog, DueEvent, StoreError, TELL_LEASE,
    TryEnd,
};
use relink_core::app_event::{DeliveryState, KEPT_FOR, Owner};
use relink_core::id::EndpointId;
use relink_core::time::{earlier, from_millis, since, to_millis};
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait::async_trait]
impl AppEventStore for PostgresStore {
    async fn claim_events(
        &self,
        endpoint: &EndpointId,
        most: usize,
    ) -> Result<Vec<DueEvent>, StoreError> {
        let args = (endpoint.to_string(), limit(most));
        self.database.run(args, |tx, (to, most)| Box::pin(claim(tx, to, *most))).await
    }

    async fn told(
        &self,
        event: &DueEvent,
        end: TryEnd,
        status: Option<u16>,
    ) -> Result<bool, StoreError> {
        let (state, wait) = match end {
            TryEnd::Delivered => (DeliveryState::Delivered, None),
            TryEnd::Again(wait) => (DeliveryState::Pending, Some(millis(wait))),
            TryEnd::GivenUp => (DeliveryState::GivenUp, None),
        };
        let args = Told {
            id: event.event_id.to_string(),
            endpoint: event.endpoint.to_string(),
            lease: to_millis(event.lease),
            state: state.as_str(),
            wait,
            status: status.map(i64::from),
        };
        self.database.run(args, |tx, args| Box::pin(told(tx, args))).await
    }

    async fn give_up_endpoint(
        &self,
        endpoint: &EndpointId,
        status: u16,
    ) -> Result<u64, StoreError> {
        let args = (endpoint.to_string(), i64::from(status));
        self.database.run(args, |tx, (to, status)| Box::pin(give_up(tx, to, *status))).await
    }

    async fn next_event_in(&self, endpoint: &EndpointId) -> Result<Option<Duration>, StoreError> {
        self.database.run(endpoint.to_string(), |tx, to| Box::pin(next_in(tx, to))).await
    }

    async fn event_backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.database.run((), |tx, ()| Box::pin(waiting(tx))).await
    }

    async fn app_deliveries(
        &self,
        filter: AppDeliveryFilter,
    ) -> Result<Vec<AppDeliveryRow>, StoreError> {
        self.database.run(filter, |tx, filter| Box::pin(list(tx, *filter))).await
    }

    async fn forget_events(&self, most: usize) -> Result<usize, StoreError> {
        self.database.run(limit(most), |tx, most| Box::pin(forget(tx, *most))).await
    }
}

struct Told {
    id: String,
    endpoint: String,
    lease: i64,
    state: &'static str,
    wait: Option<i64>,
    status: Option<i64>,
}

async fn claim(tx: &Transaction, to: &String, most: i64) -> Result<Vec<DueEvent>, Failure> {
    let (set, lease) = (tx.manual_now(), millis(TELL_LEASE));
    let [rows] = tx.execute([query(sql!("claim_events"), &[&set, to, &lease, &most])]).await?;
    let rows = read_all::<DueEventColumns>(&rows)?;
    rows.into_iter().map(|row| Ok(DueEvent::try_from(row)?)).collect()
}

async fn told(tx: &Transaction, args: &Told) -> Result<bool, Failure> {
    let set = tx.manual_now();
    let Told { id, endpoint, lease, state, wait, status } = args;
    let told = query(sql!("told"), &[&set, id, endpoint, lease, state, wait, status]);
    let [rows] = tx.execute([told]).await?;
    Ok(!rows.is_empty())
}

async fn give_up(tx: &Transaction, to: &String, status: i64) -> Result<u64, Failure> {
    let set = tx.manual_now();
    let [rows] = tx.execute([query(sql!("give_up_endpoint"), &[&set, to, &status])]).await?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

async fn next_in(tx: &Transaction, to: &String) -> Result<Option<Duration>, Failure> {
    let [next, now] = tx.execute([query(sql!("next_event"), &[to]), NOW]).await?;
    let now = tx.now(&now)?;
    let due: Option<i64> = next.first().map(|row| row.try_get("due_at")).transpose()?.flatten();
    Ok(due.map(|due| since(now, from_millis(due))))
}

async fn waiting(tx: &Transaction) -> Result<Vec<Backlog>, Failure> {
    let [rows, now] = tx.execute([query(sql!("event_backlog"), &[]), NOW]).await?;
    let now = tx.now(&now)?;
    let read = |row: &Row| -> Result<Backlog, Failure> {
        let endpoint: &str = row.try_get("endpoint")?;
        Ok(backlog(endpoint, row.try_get("pending")?, row.try_get("oldest")?, now)?)
    };
    rows.iter().map(read).collect()
}

async fn list(tx: &Transaction, filter: AppDeliveryFilter) -> Result<Vec<AppDeliveryRow>, Failure> {
    let most = limit(filter.limit);
    let [rows] = tx.execute([query(sql!("app_deliveries"), &[&filter.failed, &most])]).await?;
    let rows = read_all::<AppDeliveryColumns>(&rows)?;
    rows.into_iter().map(|row| Ok(AppDeliveryRow::try_from(row)?)).collect()
}

async fn forget(tx: &Transaction, most: i64) -> Result<usize, Failure> {
    let [now] = tx.execute([NOW]).await?;
    let before = to_millis(earlier(tx.now(&now)?, KEPT_FOR));
    let [rows] = tx.execute([query(sql!("forget_events"), &[&before, &most])]).await?;
    Ok(rows.len())
}

/// The keys of what is concerned, as they are bound.
pub(super) struct Keys {
    cases: Vec<String>,
    accounts: Vec<String>,
}

impl Keys {
    pub(super) fn of(concerned: &Concerned) -> Self {
        Self {
            cases: concerned.cases.iter().map(ToString::to_string).collect(),
            accounts: concerned.accounts.iter().map(ToString::to_string).collect(),
        }
    }

    /// What is read before anything is written.
    pub(super) fn before(&self) -> Query<'_> {
        query(sql!("owners"), &[&self.accounts])
    }

    /// What is read once everything is.
    pub(super) fn after(&self) -> [Query<'_>; 4] {
        [
            query(sql!("lock_reach"), &[&self.cases]),
            query(sql!("cases_by_id"), &[&self.cases]),
            query(sql!("states_of_cases"), &[&self.cases]),
            NOW,
        ]
    }
}

/// What [`Keys::before`], and behind the lock the two reads of [`Keys::after`], have found.
pub(super) fn around(owners: &[Row], cases: &[Row], states: &[Row]) -> Result<Around, Failure> {
    let mut around = Around::default();
    for row in owners {
        let owner = Owner { user_id: row.try_get("user_id")?, org_id: row.try_get("org_id")? };
        around.owners.insert(read::id(row, "account_ref")?, owner);
    }
    for stored in read::cases(cases)? {
        around.cases.insert(stored.case.id, stored.case);
    }
    for row in states {
        let states = around.states.entry(read::id(row, "case_id")?).or_default();
        states.push(read::id(row, "state")?);
    }
    Ok(around)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
