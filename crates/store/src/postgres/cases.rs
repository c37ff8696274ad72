//! Cases, for looking at and for operators.

use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, limit, read, writes};
use crate::changes::{close_changes, hold_changes};
use crate::{CaseFilter, CaseHistory, CaseStore, OpenCase, StoreError};
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
    let [cases, signals, notifications, attempts, non_sends] = tx
        .snapshot([
            query(sql!("case"), &[&id]),
            query(sql!("signals_of_case"), &[&id]),
            query(sql!("notifications_of_case"), &[&id]),
            query(sql!("attempts_of_case"), &[&id]),
            query(sql!("non_sends_of_case"), &[&id]),
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
    }))
}

async fn close(
    tx: &Transaction,
    which: &OpenCase,
    reason: CloseReason,
) -> Result<Option<CaseId>, Failure> {
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
    let changes = close_changes(&stored.case, reason, &notifications, tx.now(&now)?);
    writes::commit(tx, changes).await?;
    Ok(Some(stored.case.id))
}

async fn set_hold(tx: &Transaction, id: CaseId, hold: bool) -> Result<bool, Failure> {
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
    let Some(stored) = read::cases(&cases)?.pop() else { return Ok(false) };
    let notifications = read::notifications(&notifications)?;
    let (known, now) = (!accounts.is_empty(), tx.now(&now)?);
    let Some(changes) = hold_changes(&stored.case, &notifications, known, hold, now) else {
        return Ok(false);
    };
    writes::commit(tx, changes).await?;
    Ok(true)
}
