//! Signals become cases.

use super::batch::carry_into_signal;
use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, limit, read, writes};
use crate::changes::{
    KnownSignal, SignalSnapshot, Writes, close_changes, repeated, signal_changes,
};
use crate::{Applied, SignalStore, StoreError};
use relink_core::case::CloseReason;
use relink_core::id::{AccountRef, EventId};
use relink_core::signal::{KnownEvent, Signal};
use relink_core::time::from_millis;
use std::collections::{BTreeSet, HashMap};
use tokio_postgres::Row;

#[async_trait::async_trait]
impl SignalStore for PostgresStore {
    async fn apply_signals(&self, signals: &[Signal]) -> Result<Vec<Applied>, StoreError> {
        if signals.is_empty() {
            return Ok(Vec::new());
        }
        self.database.run(signals.to_vec(), |tx, signals| Box::pin(apply(tx, signals))).await
    }

    async fn known_events(&self, ids: &[EventId]) -> Result<Vec<KnownEvent>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        self.database.run(ids, |tx, ids| Box::pin(known_events(tx, ids))).await
    }

    async fn expire_cases(&self, most: usize) -> Result<usize, StoreError> {
        self.database.run(most, |tx, most| Box::pin(expire(tx, *most))).await
    }
}

/// Two planners that were given the same new event wait for one another at its key; the second
/// fails there, runs again and finds it known.
async fn apply(tx: &Transaction, signals: &[Signal]) -> Result<Vec<Applied>, Failure> {
    let refs: BTreeSet<&str> = signals.iter().map(|signal| signal.account_ref.as_str()).collect();
    let refs: Vec<&str> = refs.into_iter().collect();
    let ids: Vec<&str> = signals.iter().map(|signal| signal.event_id.as_str()).collect();
    let [_, known, cases, closed, notifications, accounts, contacts, now] = tx
        .begin([
            query(sql!("lock_accounts"), &[&refs]),
            query(sql!("known_signals"), &[&ids]),
            query(sql!("lock_open_cases_of_accounts"), &[&refs]),
            query(sql!("last_closed_at"), &[&refs]),
            query(sql!("lock_notifications_of_open_cases"), &[&refs]),
            query(sql!("accounts"), &[&refs]),
            query(sql!("contacts"), &[&refs]),
            NOW,
        ])
        .await?;
    let now = tx.now(&now)?;
    let mut known = known_signals(&known)?;
    let mut snapshots = Found { cases, closed, notifications, accounts, contacts }.snapshots()?;

    let mut writes = Writes::default();
    let mut answers = Vec::with_capacity(signals.len());
    for signal in signals {
        if let Some(known) = known.get(&signal.event_id) {
            answers.push(repeated(signal, known));
            continue;
        }
        let snapshot = snapshots.entry(signal.account_ref.clone()).or_default();
        let (applied, more) = signal_changes(signal, snapshot.clone(), tx.rules(), now);
        carry_into_signal(snapshot, &more);
        let row = KnownSignal { event: signal.into(), case_id: applied.case_id };
        known.insert(signal.event_id.clone(), row);
        writes.then(more);
        answers.push(applied);
    }
    writes::commit(tx, writes).await?;
    Ok(answers)
}

fn known_signals(rows: &[Row]) -> Result<HashMap<EventId, KnownSignal>, Failure> {
    let mut known = HashMap::new();
    for signal in read::known_signals(rows)? {
        known.insert(signal.event.event_id.clone(), signal);
    }
    Ok(known)
}

async fn known_events(tx: &Transaction, ids: &Vec<String>) -> Result<Vec<KnownEvent>, Failure> {
    let [rows] = tx.execute([query(sql!("known_signals"), &[ids])]).await?;
    Ok(read::known_signals(&rows)?.into_iter().map(|known| known.event).collect())
}

/// What was read about the accounts of a batch.
pub(super) struct Found {
    pub(super) cases: Vec<Row>,
    pub(super) closed: Vec<Row>,
    pub(super) notifications: Vec<Row>,
    pub(super) accounts: Vec<Row>,
    pub(super) contacts: Vec<Row>,
}

impl Found {
    pub(super) fn snapshots(self) -> Result<HashMap<AccountRef, SignalSnapshot>, Failure> {
        let mut snapshots: HashMap<AccountRef, SignalSnapshot> = HashMap::new();
        let mut notifications = read::notifications_by_case(&self.notifications)?;
        for stored in read::cases(&self.cases)? {
            let snapshot = snapshots.entry(stored.case.account_ref.clone()).or_default();
            snapshot.notifications = notifications.remove(&stored.case.id).unwrap_or_default();
            snapshot.open_case = Some(stored.case);
        }
        for row in &self.closed {
            let snapshot = snapshots.entry(read::id(row, "account_ref")?).or_default();
            snapshot.last_closed_at = row.try_get::<_, Option<i64>>("closed_at")?.map(from_millis);
        }
        for stored in read::accounts(&self.accounts, &self.contacts)? {
            let snapshot = snapshots.entry(stored.account.account_ref.clone()).or_default();
            snapshot.account = Some(stored.account);
        }
        Ok(snapshots)
    }
}

async fn expire(tx: &Transaction, most: usize) -> Result<usize, Failure> {
    let (set, most) = (tx.manual_now(), limit(most));
    let [cases, now] = tx.begin([query(sql!("lock_expired_cases"), &[&set, &most]), NOW]).await?;
    let now = tx.now(&now)?;
    let cases = read::cases(&cases)?;
    let ids: Vec<String> = cases.iter().map(|stored| stored.case.id.to_string()).collect();
    let [notifications] = tx.execute([query(sql!("lock_notifications_of_cases"), &[&ids])]).await?;
    let notifications = read::notifications_by_case(&notifications)?;
    let mut writes = Writes::default();
    for stored in &cases {
        let of_case = notifications.get(&stored.case.id).map_or(&[][..], Vec::as_slice);
        writes.then(close_changes(&stored.case, CloseReason::Expired, of_case, now));
    }
    writes::commit(tx, writes).await?;
    Ok(cases.len())
}
