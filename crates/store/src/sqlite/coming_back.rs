//! People who come back.

use super::read::{
    account_sealed, all, case, contact, notification, notifications_of, one, open_case_of, value,
};
use super::signals::{known, snapshot};
use super::write::{execute, write};
use super::{SqliteStore, Terms, limit};
use crate::changes::{proven_changes, renew_changes, visit_changes};
use crate::coming_back::said;
use crate::rows::{StoredCase, StoredNotification};
use crate::{
    AccountAtHand, ComingBackStore, Door, MINTS_COUNTED_OVER, Proof, Proven, Renewal, Renewed,
    StoreError, WayBack,
};
use relink_core::Timestamp;
use relink_core::account::Contact;
use relink_core::id::{CaseId, NotificationId};
use relink_core::seal::KeyRing;
use relink_core::time::{after, earlier, to_millis};
use relink_core::visit::{RECHECK_WAITS, Visit};
use rusqlite::{Connection, params};
use std::sync::Arc;

#[async_trait::async_trait]
impl ComingBackStore for SqliteStore {
    async fn way_back(&self, door: &Door) -> Result<Option<WayBack>, StoreError> {
        let (door, terms) = (door.clone(), Arc::clone(&self.terms));
        self.read(move |connection| way_back(connection, &door, &terms.keys, terms.clock.now()))
            .await
    }

    async fn note_visits(&self, case_id: CaseId, visits: &[Visit]) -> Result<(), StoreError> {
        let visits = visits.to_vec();
        self.write(move |connection, terms, now| {
            let Some(StoredCase { case, .. }) = case(connection, case_id)? else {
                return Ok(());
            };
            write(connection, terms, &visit_changes(&case, &visits, now), now)
        })
        .await
    }

    async fn close_proven(&self, proof: &Proof) -> Result<Proven, StoreError> {
        let proof = proof.clone();
        self.write(move |connection, terms, now| {
            let found = case(connection, proof.case_id)?.map(|stored| stored.case);
            let notifications = notifications_of(connection, proof.case_id)?;
            let (proven, writes) = proven_changes(&proof, found.as_ref(), &notifications, now);
            write(connection, terms, &writes, now)?;
            Ok(proven)
        })
        .await
    }

    async fn renew_link(&self, renewal: &Renewal) -> Result<Renewed, StoreError> {
        let renewal = renewal.clone();
        self.write(move |connection, terms, now| renew(connection, terms, &renewal, now)).await
    }

    async fn claim_rechecks(&self, most: usize) -> Result<Vec<CaseId>, StoreError> {
        self.write(move |connection, _, now| claim(connection, most, now)).await
    }
}

fn way_back(
    connection: &Connection,
    door: &Door,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Option<WayBack>, StoreError> {
    let message = match door {
        Door::Link(hash) => linked(connection, hash)?,
        Door::Notification(id) => notification(connection, *id)?,
        Door::Case(_) => None,
    };
    let id = match (door, &message) {
        (Door::Case(id), _) => *id,
        (Door::Link(_) | Door::Notification(_), Some(stored)) => stored.notification.case_id,
        (Door::Link(_) | Door::Notification(_), None) => return Ok(None),
    };
    let Some(StoredCase { case, .. }) = case(connection, id)? else {
        return Ok(None);
    };
    let contact = match &message {
        Some(StoredNotification { notification, .. }) => {
            contact(connection, &case.account_ref, &notification.contact_id)?
        }
        None => None::<Contact>,
    };
    let found = account_sealed(connection, &case.account_ref)?;
    let sql = include_str!("../../queries/sqlite/minted_since.sql");
    let since = to_millis(earlier(now, MINTS_COUNTED_OVER));
    let minted: i64 = value(connection, sql, params![case.id.to_string(), since])?;
    let open_case = open_case_of(connection, &case.account_ref)?.map(|stored| stored.case.id);
    Ok(Some(WayBack {
        notification: message.map(|stored| stored.notification),
        contact,
        account: found.map(|(who, sealed)| AccountAtHand {
            user_id: who.user_id,
            org_id: who.org_id,
            access_token: sealed.open(&case.account_ref, keys),
        }),
        open_case,
        minted_lately: u32::try_from(minted).unwrap_or(u32::MAX),
        now,
        case,
    }))
}

fn renew(
    connection: &Connection,
    terms: &Terms,
    renewal: &Renewal,
    now: Timestamp,
) -> Result<Renewed, StoreError> {
    let asked = said(renewal, now)?;
    let known = known(connection, &asked.event_id)?.is_some();
    let snapshot = snapshot(connection, &renewal.account_ref)?;
    let (renewed, writes) = renew_changes(renewal, &asked, known, snapshot, &terms.rules, now)
        .map_err(|error| StoreError::Refused(error.to_string()))?;
    write(connection, terms, &writes, now)?;
    Ok(renewed)
}

/// The message whose link has this hash.
fn linked(connection: &Connection, hash: &str) -> Result<Option<StoredNotification>, StoreError> {
    let sql = include_str!("../../queries/sqlite/link.sql");
    let id: Option<String> = one(connection, sql, [hash], |row| row.get::<_, String>(0))?;
    let Some(id) = id else {
        return Ok(None);
    };
    let id: NotificationId =
        id.parse().map_err(|error| StoreError::Refused(format!("a row of links: {error}")))?;
    notification(connection, id)
}

fn claim(connection: &Connection, most: usize, now: Timestamp) -> Result<Vec<CaseId>, StoreError> {
    let sql = include_str!("../../queries/sqlite/due_rechecks.sql");
    let due: Vec<(String, i64)> =
        all(connection, sql, params![to_millis(now), limit(most)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let sql = include_str!("../../queries/sqlite/move_recheck.sql");
    let mut claimed = Vec::with_capacity(due.len());
    for (id, tries) in due {
        let wait = usize::try_from(tries).ok().and_then(|tries| RECHECK_WAITS.get(tries + 1));
        let next = wait.map(|wait| to_millis(after(now, *wait)));
        execute(connection, sql, params![id, next])?;
        let parsed = id.parse().map_err(|error| {
            StoreError::Refused(format!("a row of rechecks is damaged in case_id: {error}"))
        })?;
        claimed.push(parsed);
    }
    Ok(claimed)
}
