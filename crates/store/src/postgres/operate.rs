//! What operators do, each act with its entry in the operator log.

use super::accounts::deleting;
use super::cases::{closing, holding};
use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, limit, read, writes};
use crate::changes::{Replay, ReplaySnapshot, Writes, act_of, logged, replay_changes};
use crate::operator::announce;
use crate::rows::no_case;
use crate::{OpenCase, Operated, OperatorAct, OperatorStore, StoreError};
use relink_core::Timestamp;
use relink_core::case::CloseReason;
use relink_core::id::{AppEventId, NotificationId, OperatorId};
use relink_core::operator_log::{Act, Entry, Head};
use relink_core::time::to_millis;

#[async_trait::async_trait]
impl OperatorStore for PostgresStore {
    async fn operate(
        &self,
        operator: &OperatorId,
        act: &OperatorAct,
    ) -> Result<Operated, StoreError> {
        let args = (operator.clone(), act.clone());
        let done = self.database.run(args, |tx, (by, act)| Box::pin(operate(tx, by, act))).await?;
        if let Operated::Done { head, .. } = &done {
            announce(head);
        }
        Ok(done)
    }

    async fn record(&self, act: &Act) -> Result<Head, StoreError> {
        let head = self.database.run(act.clone(), |tx, act| Box::pin(record(tx, act))).await?;
        announce(&head);
        Ok(head)
    }

    async fn operator_log(&self, after: u64, most: usize) -> Result<Vec<Entry>, StoreError> {
        let args = (after, limit(most));
        self.database.run(args, |tx, (after, most)| Box::pin(page(tx, *after, *most))).await
    }
}

async fn operate(
    tx: &Transaction,
    operator: &OperatorId,
    act: &OperatorAct,
) -> Result<Operated, Failure> {
    let (changes, planned) = match act {
        OperatorAct::CloseCase(id) => {
            let closing = closing(tx, &OpenCase::Id(*id), CloseReason::Operator).await?;
            (closing.map(|(_, writes, now)| (writes, now)), None)
        }
        OperatorAct::HoldCase(id) => (holding(tx, *id, true).await?, None),
        OperatorAct::ReleaseCase(id) => (holding(tx, *id, false).await?, None),
        OperatorAct::DeleteAccount(account) => (deleting(tx, account).await?, None),
        OperatorAct::Replay(id) => match replay(tx, *id).await? {
            (Replay::Plan(planned, writes), now) => (Some((*writes, now)), Some(planned)),
            (Replay::Not(why), _) => return Ok(why),
        },
        OperatorAct::ReplayEvent(id) => (replay_event(tx, *id).await?, None),
    };
    let Some((writes, now)) = changes else { return Ok(Operated::NothingToDo) };
    let mut act = act_of(operator, act).map_err(|error| StoreError::Refused(error.to_string()))?;
    if let Some(planned) = planned {
        act = act.with("replay", planned.to_string());
    }
    let head = append(tx, writes, &act, now).await?;
    Ok(Operated::Done { head, planned })
}

async fn replay(tx: &Transaction, id: NotificationId) -> Result<(Replay, Timestamp), Failure> {
    let ids = vec![id.to_string()];
    let [cases, notifications, replayed, now] = tx
        .begin([
            query(sql!("share_cases_of_notifications"), &[&ids]),
            query(sql!("lock_notifications"), &[&ids]),
            query(sql!("replayed_before"), &[&ids]),
            NOW,
        ])
        .await?;
    let now = tx.now(&now)?;
    let Some(notification) = read::notifications(&notifications)?.pop() else {
        return Ok((Replay::Not(Operated::NothingToDo), now));
    };
    let case_id = notification.notification.case_id;
    let case = read::cases(&cases)?.pop().ok_or_else(|| no_case(id, case_id))?.case;
    let replayed = replayed.first().map(|row| row.try_get("replayed")).transpose()?;
    let snapshot = ReplaySnapshot { notification, case, replayed: replayed.unwrap_or(false) };
    Ok((replay_changes(&snapshot, now), now))
}

/// Has an event told once more; nothing else is to be written.
async fn replay_event(
    tx: &Transaction,
    id: AppEventId,
) -> Result<Option<(Writes, Timestamp)>, Failure> {
    let [now] = tx.begin([NOW]).await?;
    let now = tx.now(&now)?;
    let (id, due) = (id.to_string(), to_millis(now));
    let [revived] = tx.execute([query(sql!("replay_event"), &[&id, &due])]).await?;
    Ok((!revived.is_empty()).then(|| (Writes::default(), now)))
}

async fn record(tx: &Transaction, act: &Act) -> Result<Head, Failure> {
    let [now] = tx.begin([NOW]).await?;
    let now = tx.now(&now)?;
    append(tx, Writes::default(), act, now).await
}

/// Writes it all, with the entry behind the last one, and commits.
async fn append(
    tx: &Transaction,
    mut changes: Writes,
    act: &Act,
    now: Timestamp,
) -> Result<Head, Failure> {
    let [_, last] = tx
        .execute([query(sql!("lock_operator_log"), &[]), query(sql!("operator_log_head"), &[])])
        .await?;
    let last = read::entries(&last)?.pop();
    let head = last.map_or_else(Head::default, |entry| entry.head());
    let head = logged(&mut changes, act, &head, now);
    writes::commit(tx, changes).await?;
    Ok(head)
}

pub(super) async fn page(tx: &Transaction, after: u64, most: i64) -> Result<Vec<Entry>, Failure> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let [rows] = tx.execute([query(sql!("operator_log_after"), &[&after, &most])]).await?;
    read::entries(&rows)
}
