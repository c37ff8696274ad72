//! What registering an account writes: the account with its token sealed, and what its open
//! case can plan now.

use super::case::wake_parked;
use super::signal::planned_pairs;
use super::{AccountWrite, Writes};
use crate::rows::StoredNotification;
use crate::{NonSendRow, StoreError};
use relink_core::Timestamp;
use relink_core::account::AccountUpsert;
use relink_core::case::{Case, HoldReason};
use relink_core::id::AccountRef;
use relink_core::masked::Secret;
use relink_core::plan::{Plan, plan_steps};
use relink_core::policy::Rules;
use relink_core::seal::{KeyRing, NonceBytes};

/// A sealed access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// The id of the key that sealed it.
    pub(crate) key: String,
    /// Nonce, ciphertext and tag.
    pub(crate) bytes: Vec<u8>,
}

impl Sealed {
    /// Seals `token` for the row of `account_ref` with a nonce of its own.
    pub(crate) fn seal(
        token: &Secret,
        account_ref: &AccountRef,
        keys: &KeyRing,
    ) -> Result<Self, StoreError> {
        let mut nonce = NonceBytes::default();
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| {
            StoreError::Sealed("the operating system gave no random numbers".to_owned())
        })?;
        let key = keys.sealing();
        let bytes = key
            .seal(nonce, place(account_ref, key.id()).as_bytes(), token.expose().as_bytes())
            .map_err(|error| StoreError::Sealed(error.to_string()))?;
        Ok(Self { key: key.id().to_owned(), bytes })
    }

    /// Opens the token of `account_ref`.
    pub(crate) fn open(
        &self,
        account_ref: &AccountRef,
        keys: &KeyRing,
    ) -> Result<Secret, StoreError> {
        let Self { key, bytes } = self;
        let cannot = |why: &str| {
            StoreError::Sealed(format!("the token of account {account_ref}, key {key}: {why}"))
        };
        let found = keys.get(key).ok_or_else(|| cannot("add that key to [encryption] keys"))?;
        let plain = found
            .open(place(account_ref, key).as_bytes(), bytes)
            .map_err(|error| cannot(&error.to_string()))?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| cannot("it is not text"))
    }
}

/// Where a sealed token belongs; bound into it, so that it opens in no other row.
fn place(account_ref: &AccountRef, key: &str) -> String {
    format!("accounts/access_token/{account_ref}/{key}")
}

/// The open case of the account that is put.
#[derive(Debug, Clone)]
pub(crate) struct PutSnapshot {
    pub(crate) case: Case,
    /// All of the case.
    pub(crate) notifications: Vec<StoredNotification>,
    /// All of the case: what is said there is not said again.
    pub(crate) non_sends: Vec<NonSendRow>,
}

/// Registers or replaces an account and plans on its open case, if it has one.
pub(crate) fn put_account_changes(
    upsert: &AccountUpsert,
    token: Sealed,
    snapshot: Option<PutSnapshot>,
    rules: &Rules,
    now: Timestamp,
) -> Writes {
    let mut writes = Writes::default();
    let account = upsert.account.clone();
    if let Some(PutSnapshot { case, notifications, non_sends }) = snapshot {
        let planned = planned_pairs(&notifications);
        let plan = plan_steps(&case, &account, &planned, rules, now);
        writes.plan(case.id, only_new(plan, &non_sends), now);
        if case.hold == Some(HoldReason::NoAccount) {
            writes.then(wake_parked(&notifications, now));
            writes.cases.push(Case { hold: None, ..case });
        }
    }
    writes.accounts.push(AccountWrite { account, token, at: now });
    writes
}

/// Leaves out the reasons that the timeline shows already, so that replacing an account again
/// and again does not fill it.
fn only_new(plan: Plan, said: &[NonSendRow]) -> Plan {
    let Plan { notifications, mut non_sends } = plan;
    non_sends.retain(|new| {
        !said.iter().any(|old| {
            old.notification_id.is_none()
                && (&old.step, &old.contact_id, old.decision, old.reason)
                    == (&new.step, &new.contact_id, new.decision, new.reason)
        })
    });
    Plan { notifications, non_sends }
}
