//! People who come back.

use super::error::Failure;
use super::signals::Found;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, limit, read, writes};
use crate::changes::{Sealed, proven_changes, renew_changes, visit_changes};
use crate::coming_back::said;
use crate::{
    AccountAtHand, ComingBackStore, Door, MINTS_COUNTED_OVER, Proof, Proven, Renewal, Renewed,
    StoreError, WayBack,
};
use relink_core::id::{AccountRef, CaseId};
use relink_core::visit::{RECHECK_WAITS, Visit};
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait::async_trait]
impl ComingBackStore for PostgresStore {
    async fn way_back(&self, door: &Door) -> Result<Option<WayBack>, StoreError> {
        self.database.run(door.clone(), |tx, door| Box::pin(way_back(tx, door))).await
    }

    async fn note_visits(&self, case_id: CaseId, visits: &[Visit]) -> Result<(), StoreError> {
        let args = (case_id, visits.to_vec());
        self.database.run(args, |tx, (id, visits)| Box::pin(note(tx, *id, visits))).await
    }

    async fn close_proven(&self, proof: &Proof) -> Result<Proven, StoreError> {
        self.database.run(proof.clone(), |tx, proof| Box::pin(prove(tx, proof))).await
    }

    async fn renew_link(&self, renewal: &Renewal) -> Result<Renewed, StoreError> {
        self.database.run(renewal.clone(), |tx, renewal| Box::pin(renew(tx, renewal))).await
    }

    async fn claim_rechecks(&self, most: usize) -> Result<Vec<CaseId>, StoreError> {
        self.database.run(limit(most), |tx, most| Box::pin(claim(tx, *most))).await
    }
}

async fn way_back(tx: &Transaction, door: &Door) -> Result<Option<WayBack>, Failure> {
    let (hash, message, case) = match door {
        Door::Link(hash) if hash.contains('\0') => return Ok(None),
        Door::Link(hash) => (Some(hash.as_str()), None, None),
        Door::Notification(id) => (None, Some(id.to_string()), None),
        Door::Case(id) => (None, None, Some(id.to_string())),
    };
    let (set, span) = (tx.manual_now(), millis(MINTS_COUNTED_OVER));
    let [notifications, contacts, cases, now] = tx
        .snapshot([
            query(sql!("way_back_notification"), &[&hash, &message]),
            query(sql!("way_back_contact"), &[&hash, &message]),
            query(sql!("way_back_case"), &[&hash, &message, &case, &set, &span]),
            NOW,
        ])
        .await?;
    let (Some(stored), Some(row)) = (read::cases(&cases)?.pop(), cases.first()) else {
        return Ok(None);
    };
    let minted: i64 = row.try_get("minted_lately")?;
    let open_case: Option<&str> = row.try_get("open_case_id")?;
    let open_case = open_case.map(|_| read::id(row, "open_case_id")).transpose()?;
    Ok(Some(WayBack {
        notification: read::notifications(&notifications)?.pop().map(|n| n.notification),
        contact: read::contacts(&contacts)?.into_values().next(),
        account: account(tx, &stored.case.account_ref, row)?,
        open_case,
        minted_lately: u32::try_from(minted).unwrap_or(u32::MAX),
        now: tx.now(&now)?,
        case: stored.case,
    }))
}

fn account(
    tx: &Transaction,
    account_ref: &AccountRef,
    row: &Row,
) -> Result<Option<AccountAtHand>, Failure> {
    let user_id: Option<String> = row.try_get("user_id")?;
    let Some(user_id) = user_id else { return Ok(None) };
    let sealed =
        Sealed { key: row.try_get("access_token_key")?, bytes: row.try_get("access_token")? };
    let access_token = sealed.open(account_ref, tx.keys());
    Ok(Some(AccountAtHand { user_id, org_id: row.try_get("org_id")?, access_token }))
}

async fn note(tx: &Transaction, id: CaseId, visits: &[Visit]) -> Result<(), Failure> {
    let id = id.to_string();
    let [cases, now] = tx.begin([query(sql!("case"), &[&id]), NOW]).await?;
    let Some(stored) = read::cases(&cases)?.pop() else { return Ok(()) };
    let now = tx.now(&now)?;
    writes::commit(tx, visit_changes(&stored.case, visits, now)).await
}

async fn prove(tx: &Transaction, proof: &Proof) -> Result<Proven, Failure> {
    let ids = vec![proof.case_id.to_string()];
    let [_, cases, notifications, now] = tx
        .begin([
            query(sql!("lock_accounts_of_cases"), &[&ids]),
            query(sql!("lock_open_cases"), &[&ids]),
            query(sql!("lock_notifications_of_cases"), &[&ids]),
            NOW,
        ])
        .await?;
    let case = read::cases(&cases)?.pop().map(|stored| stored.case);
    let notifications = read::notifications(&notifications)?;
    let now = tx.now(&now)?;
    let (proven, changes) = proven_changes(proof, case.as_ref(), &notifications, now);
    writes::commit(tx, changes).await?;
    Ok(proven)
}

/// Whoever asks for the same account waits for the row of the account.
async fn renew(tx: &Transaction, renewal: &Renewal) -> Result<Renewed, Failure> {
    let refs = vec![renewal.account_ref.as_str()];
    let [_, cases, closed, notifications, accounts, contacts, now] = tx
        .begin([
            query(sql!("lock_accounts"), &[&refs]),
            query(sql!("lock_open_cases_of_accounts"), &[&refs]),
            query(sql!("last_closed_at"), &[&refs]),
            query(sql!("lock_notifications_of_open_cases"), &[&refs]),
            query(sql!("accounts"), &[&refs]),
            query(sql!("contacts"), &[&refs]),
            NOW,
        ])
        .await?;
    let now = tx.now(&now)?;
    let asked = said(renewal, now)?;
    let ids = vec![asked.event_id.as_str()];
    let [known] = tx.execute([query(sql!("known_signals"), &[&ids])]).await?;
    let mut found = Found { cases, closed, notifications, accounts, contacts }.snapshots()?;
    let snapshot = found.remove(&renewal.account_ref).unwrap_or_default();
    let (renewed, changes) =
        renew_changes(renewal, &asked, !known.is_empty(), snapshot, tx.rules(), now)
            .map_err(|error| StoreError::Refused(error.to_string()))?;
    writes::commit(tx, changes).await?;
    Ok(renewed)
}

async fn claim(tx: &Transaction, most: i64) -> Result<Vec<CaseId>, Failure> {
    let set = tx.manual_now();
    let waits: Vec<i64> = RECHECK_WAITS.iter().copied().map(millis).collect();
    let [rows] = tx.execute([query(sql!("claim_rechecks"), &[&set, &waits, &most])]).await?;
    rows.iter().map(|row| read::id(row, "case_id")).collect()
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
