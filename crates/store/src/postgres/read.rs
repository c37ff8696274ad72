//! Rows out of PostgreSQL, as the rest of the crate uses them.

use super::columns::{FromRow, read_all};
use super::error::Failure;
use crate::changes::KnownSignal;
use crate::rows::{
    AccountColumns, AttemptColumns, CaseColumns, ContactColumns, KnownColumns, LogColumns,
    NonSendColumns, NotificationColumns, SignalColumns, StoredCase, StoredNotification,
    VisitColumns,
};
use crate::{AttemptRow, NonSendRow, SignalRow, StoreError, StoredAccount};
use relink_core::account::Contact;
use relink_core::id::{AccountRef, CaseId, ContactId};
use relink_core::operator_log::Entry;
use relink_core::visit::Visit;
use std::collections::HashMap;
use tokio_postgres::Row;

pub(super) fn cases(rows: &[Row]) -> Result<Vec<StoredCase>, Failure> {
    all::<CaseColumns, _>(rows)
}

pub(super) fn notifications(rows: &[Row]) -> Result<Vec<StoredNotification>, Failure> {
    all::<NotificationColumns, _>(rows)
}

pub(super) fn attempts(rows: &[Row]) -> Result<Vec<AttemptRow>, Failure> {
    all::<AttemptColumns, _>(rows)
}

pub(super) fn known_signals(rows: &[Row]) -> Result<Vec<KnownSignal>, Failure> {
    all::<KnownColumns, _>(rows)
}

pub(super) fn signals(rows: &[Row]) -> Result<Vec<SignalRow>, Failure> {
    all::<SignalColumns, _>(rows)
}

pub(super) fn non_sends(rows: &[Row]) -> Result<Vec<NonSendRow>, Failure> {
    all::<NonSendColumns, _>(rows)
}

pub(super) fn visits(rows: &[Row]) -> Result<Vec<Visit>, Failure> {
    all::<VisitColumns, _>(rows)
}

pub(super) fn entries(rows: &[Row]) -> Result<Vec<Entry>, Failure> {
    all::<LogColumns, _>(rows)
}

/// Notifications by their case.
pub(super) fn notifications_by_case(
    rows: &[Row],
) -> Result<HashMap<CaseId, Vec<StoredNotification>>, Failure> {
    let mut by_case: HashMap<CaseId, Vec<StoredNotification>> = HashMap::new();
    for stored in notifications(rows)? {
        by_case.entry(stored.notification.case_id).or_default().push(stored);
    }
    Ok(by_case)
}

/// Non-sends by their case.
pub(super) fn non_sends_by_case(rows: &[Row]) -> Result<HashMap<CaseId, Vec<NonSendRow>>, Failure> {
    let mut by_case: HashMap<CaseId, Vec<NonSendRow>> = HashMap::new();
    for (row, non_send) in rows.iter().zip(non_sends(rows)?) {
        by_case.entry(id(row, "case_id")?).or_default().push(non_send);
    }
    Ok(by_case)
}

/// Accounts, in the order of `accounts`, with `contacts` ordered by account and position.
pub(super) fn accounts(accounts: &[Row], contacts: &[Row]) -> Result<Vec<StoredAccount>, Failure> {
    let mut by_account: HashMap<String, Vec<ContactColumns>> = HashMap::new();
    for contact in read_all::<ContactColumns>(contacts)? {
        by_account.entry(contact.account_ref.clone()).or_default().push(contact);
    }
    let with_contacts = |account: AccountColumns| {
        let contacts = by_account.remove(&account.account_ref).unwrap_or_default();
        Ok(account.with(contacts)?)
    };
    read_all(accounts)?.into_iter().map(with_contacts).collect()
}

/// Contacts by account and id.
pub(super) fn contacts(rows: &[Row]) -> Result<HashMap<(AccountRef, ContactId), Contact>, Failure> {
    let mut by_id = HashMap::new();
    for (row, contact) in rows.iter().zip(all::<ContactColumns, Contact>(rows)?) {
        by_id.insert((id(row, "account_ref")?, contact.id.clone()), contact);
    }
    Ok(by_id)
}

/// A column that holds an id.
pub(super) fn id<T>(row: &Row, column: &str) -> Result<T, Failure>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| {
        Failure::Store(StoreError::Refused(format!("a row is damaged in {column}: {error}")))
    })
}

fn all<C, T>(rows: &[Row]) -> Result<Vec<T>, Failure>
where
    C: FromRow,
    T: TryFrom<C, Error = StoreError>,
{
    let read = |columns: C| Ok(T::try_from(columns)?);
    read_all(rows)?.into_iter().map(read).collect()
}
