//! Intent before, outcome after.

use super::batch::{carry_into_begin, carry_into_finish};
use super::error::Failure;
use super::transaction::{NOW, Query, Transaction, query};
use super::{PostgresStore, read, writes};
use crate::changes::{
    BeginSnapshot, FinishSnapshot, Writes, begin_changes, finish_changes, look_up_changes,
};
use crate::rows::{StoredCase, StoredNotification, no_attempt, no_case};
use crate::{
    AttemptRow, Begin, BeginRequest, DeliveryStore, FinishRequest, Finished, LookUpRequest,
    StoreError,
};
use relink_core::Timestamp;
use relink_core::account::Contact;
use relink_core::id::{AccountRef, CaseId, ContactId, NotificationId};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait::async_trait]
impl DeliveryStore for PostgresStore {
    async fn begin(&self, requests: &[BeginRequest]) -> Result<Vec<Begin>, StoreError> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        self.database.run(requests.to_vec(), |tx, requests| Box::pin(begin(tx, requests))).await
    }

    async fn finish(&self, requests: &[FinishRequest]) -> Result<Vec<Finished>, StoreError> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        self.database.run(requests.to_vec(), |tx, requests| Box::pin(finish(tx, requests))).await
    }

    async fn finish_look_up(&self, request: &LookUpRequest) -> Result<Finished, StoreError> {
        self.database.run(request.clone(), |tx, request| Box::pin(look_up(tx, request))).await
    }

    async fn renew(
        &self,
        id: NotificationId,
        fence: i64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        // A hundred years is for ever, and leaves room to add it to any moment.
        let lease = lease.min(Duration::from_secs(100 * 365 * 24 * 60 * 60)).as_millis();
        let lease = i64::try_from(lease).unwrap_or(i64::MAX);
        let args = (id.to_string(), fence, lease);
        self.database
            .run(args, |tx, (id, fence, lease)| {
                Box::pin(async move {
                    let set = tx.manual_now();
                    let [rows] =
                        tx.execute([query(sql!("renew"), &[id, fence, &set, lease])]).await?;
                    Ok(!rows.is_empty())
                })
            })
            .await
    }
}

async fn begin(tx: &Transaction, requests: &[BeginRequest]) -> Result<Vec<Begin>, Failure> {
    let ids: Vec<String> =
        requests.iter().map(|request| request.notification_id.to_string()).collect();
    let [cases, notifications, contacts, attempts, sent_before, now] = tx
        .begin([
            share_cases(&ids),
            lock_notifications(&ids),
            contacts_of(&ids),
            query(sql!("last_attempts"), &[&ids]),
            query(sql!("sent_before"), &[&ids]),
            NOW,
        ])
        .await?;
    let now = tx.now(&now)?;
    let rows = Locked::read(&cases, &notifications, &contacts)?;
    let mut snapshots = rows.begin_snapshots(&attempts, &sent_before)?;

    let mut writes = Writes::default();
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        let Some(snapshot) = snapshots.get_mut(&request.notification_id) else {
            answers.push(Begin::NotNow);
            continue;
        };
        let (begin, more) = begin_changes(request, snapshot.clone(), tx.rules(), tx.keys(), now);
        carry_into_begin(snapshot, &more);
        writes.then(more);
        answers.push(begin);
    }
    writes::commit(tx, writes).await?;
    Ok(answers)
}

/// What the gate looks at, of one notification; when the timeline last said that it waits for
/// Cobalt; and the time.
pub(super) async fn begin_snapshot(
    tx: &Transaction,
    id: NotificationId,
) -> Result<(Option<BeginSnapshot>, Vec<Row>, Timestamp), Failure> {
    let ids = vec![id.to_string()];
    let one = id.to_string();
    let [cases, notifications, contacts, attempts, sent_before, said, now] = tx
        .begin([
            share_cases(&ids),
            lock_notifications(&ids),
            contacts_of(&ids),
            query(sql!("last_attempts"), &[&ids]),
            query(sql!("sent_before"), &[&ids]),
            query(sql!("put_off_said"), &[&one]),
            NOW,
        ])
        .await?;
    let now = tx.now(&now)?;
    let rows = Locked::read(&cases, &notifications, &contacts)?;
    Ok((rows.begin_snapshots(&attempts, &sent_before)?.remove(&id), said, now))
}

async fn finish(tx: &Transaction, requests: &[FinishRequest]) -> Result<Vec<Finished>, Failure> {
    let wanted: Vec<(NotificationId, u32)> =
        requests.iter().map(|request| (request.notification_id, request.number)).collect();
    let (mut under_way, now) = under_way(tx, &wanted).await?;
    let mut writes = Writes::default();
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        let snapshot = under_way.snapshot(request.notification_id, request.number)?;
        let (finished, more) = finish_changes(request, snapshot.clone(), tx.rules(), now);
        under_way.carry(snapshot, &more);
        writes.then(more);
        answers.push(finished);
    }
    writes::commit(tx, writes).await?;
    Ok(answers)
}

async fn look_up(tx: &Transaction, request: &LookUpRequest) -> Result<Finished, Failure> {
    let (id, number) = (request.notification_id, request.number);
    let (under_way, now) = under_way(tx, &[(id, number)]).await?;
    let (finished, writes) = look_up_changes(request, under_way.snapshot(id, number)?, now);
    writes::commit(tx, writes).await?;
    Ok(finished)
}

/// Notifications with the attempts that ended.
struct UnderWay {
    locked: Locked,
    attempts: HashMap<(NotificationId, u32), AttemptRow>,
}

async fn under_way(
    tx: &Transaction,
    wanted: &[(NotificationId, u32)],
) -> Result<(UnderWay, Timestamp), Failure> {
    let ids: Vec<String> = wanted.iter().map(|(id, _)| id.to_string()).collect();
    let numbers: Vec<i64> = wanted.iter().map(|(_, number)| i64::from(*number)).collect();
    let [cases, notifications, contacts, attempts, now] = tx
        .begin([
            share_cases(&ids),
            lock_notifications(&ids),
            contacts_of(&ids),
            query(sql!("attempts_by_number"), &[&ids, &numbers]),
            NOW,
        ])
        .await?;
    let attempts = read::attempts(&attempts)?
        .into_iter()
        .map(|attempt| ((attempt.notification_id, attempt.number), attempt))
        .collect();
    let locked = Locked::read(&cases, &notifications, &contacts)?;
    Ok((UnderWay { locked, attempts }, tx.now(&now)?))
}

impl UnderWay {
    fn snapshot(&self, id: NotificationId, number: u32) -> Result<FinishSnapshot, StoreError> {
        let unknown = || no_attempt(id, number);
        let stored = self.locked.notifications.get(&id).ok_or_else(unknown)?;
        Ok(FinishSnapshot {
            notification: stored.clone(),
            case: self.locked.case_of(stored)?.case.clone(),
            contact: self.locked.contact_of(stored),
            attempt: self.attempts.get(&(id, number)).ok_or_else(unknown)?.clone(),
        })
    }

    fn carry(&mut self, mut snapshot: FinishSnapshot, writes: &Writes) {
        carry_into_finish(&mut snapshot, writes);
        let FinishSnapshot { notification, attempt, .. } = snapshot;
        self.attempts.insert((attempt.notification_id, attempt.number), attempt);
        self.locked.notifications.insert(notification.notification.id, notification);
    }
}

/// What every decision about notifications looks at. The cases are held against being closed,
/// the notifications against everybody.
struct Locked {
    cases: HashMap<CaseId, StoredCase>,
    notifications: HashMap<NotificationId, StoredNotification>,
    contacts: HashMap<(AccountRef, ContactId), Contact>,
}

fn share_cases(ids: &Vec<String>) -> Query<'_> {
    query(sql!("share_cases_of_notifications"), &[ids])
}

fn lock_notifications(ids: &Vec<String>) -> Query<'_> {
    query(sql!("lock_notifications"), &[ids])
}

fn contacts_of(ids: &Vec<String>) -> Query<'_> {
    query(sql!("contacts_of_notifications"), &[ids])
}

impl Locked {
    fn read(cases: &[Row], notifications: &[Row], contacts: &[Row]) -> Result<Self, Failure> {
        Ok(Self {
            cases: read::cases(cases)?.into_iter().map(|stored| (stored.case.id, stored)).collect(),
            notifications: read::notifications(notifications)?
                .into_iter()
                .map(|stored| (stored.notification.id, stored))
                .collect(),
            contacts: read::contacts(contacts)?,
        })
    }

    fn case_of(&self, stored: &StoredNotification) -> Result<&StoredCase, StoreError> {
        let row = &stored.notification;
        self.cases.get(&row.case_id).ok_or_else(|| no_case(row.id, row.case_id))
    }

    fn contact_of(&self, stored: &StoredNotification) -> Option<Contact> {
        let row = &stored.notification;
        self.contacts.get(&(row.account_ref.clone(), row.contact_id.clone())).cloned()
    }

    fn begin_snapshots(
        &self,
        attempts: &[Row],
        sent_before: &[Row],
    ) -> Result<HashMap<NotificationId, BeginSnapshot>, Failure> {
        let mut last: HashMap<NotificationId, AttemptRow> = read::attempts(attempts)?
            .into_iter()
            .map(|attempt| (attempt.notification_id, attempt))
            .collect();
        let sent_before: HashSet<NotificationId> = sent_before
            .iter()
            .map(|row| read::id(row, "notification_id"))
            .collect::<Result<_, _>>()?;
        let mut snapshots = HashMap::new();
        for (id, stored) in &self.notifications {
            let snapshot = BeginSnapshot {
                notification: stored.clone(),
                case: self.case_of(stored)?.clone(),
                contact: self.contact_of(stored),
                last_attempt: last.remove(id),
                sent_before: sent_before.contains(id),
            };
            snapshots.insert(*id, snapshot);
        }
        Ok(snapshots)
    }
}
