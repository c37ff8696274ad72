//! What operators do, each act with its entry in the operator log.

use super::accounts::deleting;
use super::cases::{closing, holding};
use super::read::{all, case, log_columns, notification, one, value};
use super::tell::replay_event;
use super::write::write;
use super::{SqliteStore, Terms, limit};
use crate::changes::{Replay, ReplaySnapshot, Writes, act_of, logged, replay_changes};
use crate::operator::announce;
use crate::{OpenCase, Operated, OperatorAct, OperatorStore, StoreError};
use relink_core::Timestamp;
use relink_core::case::CloseReason;
use relink_core::id::{NotificationId, OperatorId};
use relink_core::operator_log::{Act, Entry, Head};
use rusqlite::{Connection, params};

#[async_trait::async_trait]
impl OperatorStore for SqliteStore {
    async fn operate(
        &self,
        operator: &OperatorId,
        act: &OperatorAct,
    ) -> Result<Operated, StoreError> {
        let (operator, act) = (operator.clone(), act.clone());
        let done = self
            .write(move |connection, terms, now| operate(connection, terms, &operator, &act, now))
            .await?;
        if let Operated::Done { head, .. } = &done {
            announce(head);
        }
        Ok(done)
    }

    async fn record(&self, act: &Act) -> Result<Head, StoreError> {
        let act = act.clone();
        let head = self
            .write(move |connection, terms, now| {
                append(connection, terms, Writes::default(), &act, now)
            })
            .await?;
        announce(&head);
        Ok(head)
    }

    async fn operator_log(&self, after: u64, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(move |connection| page(connection, after, limit(most))).await
    }
}

fn operate(
    connection: &Connection,
    terms: &Terms,
    operator: &OperatorId,
    act: &OperatorAct,
    now: Timestamp,
) -> Result<Operated, StoreError> {
    let (changes, planned) = match act {
        OperatorAct::CloseCase(id) => {
            let closing = closing(connection, &OpenCase::Id(*id), CloseReason::Operator, now)?;
            (closing.map(|(_, writes)| writes), None)
        }
        OperatorAct::HoldCase(id) => (holding(connection, *id, true, now)?, None),
        OperatorAct::ReleaseCase(id) => (holding(connection, *id, false, now)?, None),
        OperatorAct::DeleteAccount(account) => (deleting(connection, account.clone(), now)?, None),
        OperatorAct::Replay(id) => match replay(connection, *id, now)? {
            Replay::Plan(planned, writes) => (Some(*writes), Some(planned)),
            Replay::Not(why) => return Ok(why),
        },
        OperatorAct::ReplayEvent(id) => {
            let some = replay_event(connection, *id, now)? > 0;
            (some.then(Writes::default), None)
        }
    };
    let Some(writes) = changes else { return Ok(Operated::NothingToDo) };
    let mut act = act_of(operator, act).map_err(|error| StoreError::Refused(error.to_string()))?;
    if let Some(planned) = planned {
        act = act.with("replay", planned.to_string());
    }
    let head = append(connection, terms, writes, &act, now)?;
    Ok(Operated::Done { head, planned })
}

fn replay(
    connection: &Connection,
    id: NotificationId,
    now: Timestamp,
) -> Result<Replay, StoreError> {
    let Some(stored) = notification(connection, id)? else {
        return Ok(Replay::Not(Operated::NothingToDo));
    };
    let case_id = stored.notification.case_id;
    let found = case(connection, case_id)?.ok_or_else(|| crate::rows::no_case(id, case_id))?;
    let sql = include_str!("../../queries/sqlite/replayed_before.sql");
    let replayed = value(connection, sql, [case_id.to_string(), id.to_string()])?;
    let snapshot = ReplaySnapshot { notification: stored, case: found.case, replayed };
    Ok(replay_changes(&snapshot, now))
}

/// Writes it all, with the entry behind the last one. The writer's transaction is the lock.
fn append(
    connection: &Connection,
    terms: &Terms,
    mut writes: Writes,
    act: &Act,
    now: Timestamp,
) -> Result<Head, StoreError> {
    let sql = include_str!("../../queries/sqlite/operator_log_head.sql");
    let last: Option<Entry> = one(connection, sql, [], log_columns)?;
    let head = last.map_or_else(Head::default, |entry| entry.head());
    let head = logged(&mut writes, act, &head, now);
    write(connection, terms, &writes, now)?;
    Ok(head)
}

pub(super) fn page(
    connection: &Connection,
    after: u64,
    most: i64,
) -> Result<Vec<Entry>, StoreError> {
    let sql = include_str!("../../queries/sqlite/operator_log_after.sql");
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    all(connection, sql, params![after, most], log_columns)
}
