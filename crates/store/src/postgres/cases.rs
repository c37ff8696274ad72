//! Cases, for looking at and for operators.

use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, limit, read, writes};
use crate::changes::{Writes, close_changes, hold_changes};
use crate::{CaseFilter, CaseHistory, CaseStore, OpenCase, StoreError};
use relink_core::Timestamp;
use relink_core::case::{Case, CloseReason};
use relink_core::id::CaseId;
use relink_core::time::to_millis;

#[async_trait::async_trait]
impl CaseStore for PostgresStore {
    async fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>, StoreError> {
        self.database.run(filter.clone(), |tx, filter| Box::pin(list(tx, filter))).await
    }

    async fn case(&self, id: CaseId) -> Result<Option<CaseHistory>, StoreError> {
        self.database.run(id, |tx, id| Box::pin(history(tx, *id))).await
    }

    async fn close_case(
        &self,
        which: &OpenCase,
        reason: CloseReason,
    ) -> Result<Option<CaseId>, StoreError> {
        let args = (which.clone(), reason);
        self.database.run(args, |tx, (which, reason)| Box::pin(close(tx, which, *reason))).await
    }

    async fn hold_case(&self, id: CaseId, hold: bool) -> Result<bool, StoreError> {
        self.database.run((id, hold), |tx, (id, hold)| Box::pin(set_hold(tx, *id, *hold))).await
    }
}

async fn list(tx: &Transaction, filter: &CaseFilter) -> Result<Vec<Case>, Failure> {
    let CaseFilter { open, account_ref, user_id, before, limit: most } = filter;
    let most = limit(*most);
    if user_id.as_ref().is_some_and(|id| id.contains('\0')) {
        // Nobody's: no stored text can hold it, and the server takes it for an error.
        return Ok(Vec::new());
    }
    let account_ref = account_ref.as_ref().map(ToString::to_string);
    let (at, id) = before.map(|(at, id)| (to_millis(at), id.to_string())).unzip();
    let wanted = query(sql!("list_cases"), &[open, &account_ref, user_id, &at, &id, &most]);
    let [rows] = tx.execute([wanted]).await?;
    Ok(read::cases(&rows)?.into_iter().map(|stored| stored.case).collect())
}

async fn history(tx: &Transaction, id: CaseId) -> Result<Option<CaseHistory>, Failure> {
    let id = id.to_string();
    let [cases, signals, notifications, attempts, non_sends, visits] = tx
        .snapshot([
            query(sql!("case"), &[&id]),
            query(sql!("signals_of_case"), &[&id]),
            query(sql!("notifications_of_case"), &[&id]),
            query(sql!("attempts_of_case"), &[&id]),
            query(sql!("non_sends_of_case"), &[&id]),
            query(sql!("visits_of_case"), &[&id]),
        ])
        .await?;
    let Some(stored) = read::cases(&cases)?.pop() else { return Ok(None) };
    let notifications = read::notifications(&notifications)?;
    Ok(Some(CaseHistory {
        case: stored.case,
        signals: read::signals(&signals)?,
        notifications: notifications.into_iter().map(|stored| stored.notification).collect(),
        attempts: read::attempts(&attempts)?,
        non_sends: read::non_sends(&non_sends)?,
        visits: read::visits(&visits)?,
    }))
}

async fn close(
    tx: &Transaction,
    which: &OpenCase,
    reason: CloseReason,
) -> Result<Option<CaseId>, Failure> {
    let Some((id, changes, _)) = closing(tx, which, reason).await? else { return Ok(None) };
    writes::commit(tx, changes).await?;
    Ok(Some(id))
}

/// What closing a case would write, in the transaction that it begins, and its time.
pub(super) async fn closing(
    tx: &Transaction,
    which: &OpenCase,
    reason: CloseReason,
) -> Result<Option<(CaseId, Writes, Timestamp)>, Failure> {
    let [_, cases, notifications, now] = match which {
        OpenCase::Account(account_ref) => {
            let refs = [account_ref.as_str()].to_vec();
            tx.begin([
                query(sql!("lock_accounts"), &[&refs]),
                query(sql!("lock_open_cases_of_accounts"), &[&refs]),
                query(sql!("lock_notifications_of_open_cases"), &[&refs]),
                NOW,
            ])
            .await?
        }
        OpenCase::Id(id) => {
            let ids = vec![id.to_string()];
            tx.begin([
                query(sql!("lock_accounts_of_cases"), &[&ids]),
                query(sql!("lock_open_cases"), &[&ids]),
                query(sql!("lock_notifications_of_cases"), &[&ids]),
                NOW,
            ])
            .await?
        }
    };
    let Some(stored) = read::cases(&cases)?.pop() else { return Ok(None) };
    let notifications = read::notifications(&notifications)?;
    let now = tx.now(&now)?;
    let changes = close_changes(&stored.case, reason, &notifications, now);
    Ok(Some((stored.case.id, changes, now)))
}

async fn set_hold(tx: &Transaction, id: CaseId, hold: bool) -> Result<bool, Failure> {
    let Some((changes, _)) = holding(tx, id, hold).await? else { return Ok(false) };
    writes::commit(tx, changes).await?;
    Ok(true)
}

/// What setting or lifting a hold would write, in the transaction that it begins, and its time.
pub(super) async fn holding(
    tx: &Transaction,
    id: CaseId,
    hold: bool,
) -> Result<Option<(Writes, Timestamp)>, Failure> {
    let ids = vec![id.to_string()];
    let [_, cases, notifications, accounts, now] = tx
        .begin([
            query(sql!("lock_accounts_of_cases"), &[&ids]),
            query(sql!("lock_open_cases"), &[&ids]),
            query(sql!("lock_notifications_of_cases"), &[&ids]),
            query(sql!("accounts_of_cases"), &[&ids]),
            NOW,
        ])
        .await?;
    let Some(stored) = read::cases(&cases)?.pop() else { return Ok(None) };
    let notifications = read::notifications(&notifications)?;
    let (known, now) = (!accounts.is_empty(), tx.now(&now)?);
    let changes = hold_changes(&stored.case, &notifications, known, hold, now);
    Ok(changes.map(|changes| (changes, now)))
}
