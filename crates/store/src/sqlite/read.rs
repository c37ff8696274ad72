//! Rows out of SQLite. Columns are taken in the order in which the queries list them.

use crate::changes::Sealed;
use crate::rows::{
    AccountColumns, AttemptColumns, CaseColumns, ContactColumns, LogColumns, NonSendColumns,
    NotificationColumns, SignalColumns, StoredCase, StoredNotification, VisitColumns,
};
use crate::{AttemptRow, NonSendRow, SignalRow, StoreError, StoredAccount};
use relink_core::account::Contact;
use relink_core::id::{AccountRef, CaseId, ContactId, NotificationId};
use relink_core::visit::Visit;
use rusqlite::{Connection, OptionalExtension, Params, Row};

/// The one row of `sql`, if there is one.
pub(super) fn one<C, T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    columns: fn(&Row<'_>) -> rusqlite::Result<C>,
) -> Result<Option<T>, StoreError>
where
    T: TryFrom<C, Error: Into<StoreError>>,
{
    let row = connection.prepare_cached(sql)?.query_row(params, columns).optional()?;
    row.map(|columns| T::try_from(columns).map_err(Into::into)).transpose()
}

/// Every row of `sql`.
pub(super) fn all<C, T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    columns: fn(&Row<'_>) -> rusqlite::Result<C>,
) -> Result<Vec<T>, StoreError>
where
    T: TryFrom<C, Error: Into<StoreError>>,
{
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params, columns)?;
    rows.map(|row| T::try_from(row?).map_err(Into::into)).collect()
}

/// The first column of the one row of `sql`.
pub(super) fn value<T: rusqlite::types::FromSql>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<T, StoreError> {
    Ok(connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
}

pub(super) fn case(connection: &Connection, id: CaseId) -> Result<Option<StoredCase>, StoreError> {
    let sql = include_str!("../../queries/sqlite/case.sql");
    one(connection, sql, [id.to_string()], case_columns)
}

pub(super) fn open_case_of(
    connection: &Connection,
    account_ref: &AccountRef,
) -> Result<Option<StoredCase>, StoreError> {
    let sql = include_str!("../../queries/sqlite/open_case_of_account.sql");
    one(connection, sql, [account_ref.as_str()], case_columns)
}

pub(super) fn notification(
    connection: &Connection,
    id: NotificationId,
) -> Result<Option<StoredNotification>, StoreError> {
    let sql = include_str!("../../queries/sqlite/notification.sql");
    one(connection, sql, [id.to_string()], notification_columns)
}

pub(super) fn notifications_of(
    connection: &Connection,
    case: CaseId,
) -> Result<Vec<StoredNotification>, StoreError> {
    let sql = include_str!("../../queries/sqlite/notifications_of_case.sql");
    all(connection, sql, [case.to_string()], notification_columns)
}

pub(super) fn attempt(
    connection: &Connection,
    id: NotificationId,
    number: u32,
) -> Result<Option<AttemptRow>, StoreError> {
    let sql = include_str!("../../queries/sqlite/attempt.sql");
    one(connection, sql, (id.to_string(), number), attempt_columns)
}

pub(super) fn contact(
    connection: &Connection,
    account_ref: &AccountRef,
    id: &ContactId,
) -> Result<Option<Contact>, StoreError> {
    let sql = include_str!("../../queries/sqlite/contact.sql");
    one(connection, sql, [account_ref.as_str(), id.as_str()], contact_columns)
}

pub(super) fn account(
    connection: &Connection,
    account_ref: &AccountRef,
) -> Result<Option<StoredAccount>, StoreError> {
    let sql = include_str!("../../queries/sqlite/account.sql");
    let row: Option<AccountColumns> =
        one(connection, sql, [account_ref.as_str()], account_columns)?;
    row.map(|row| with_contacts(connection, row)).transpose()
}

pub(super) fn with_contacts(
    connection: &Connection,
    row: AccountColumns,
) -> Result<StoredAccount, StoreError> {
    let sql = include_str!("../../queries/sqlite/contacts.sql");
    let contacts = all(connection, sql, [&row.account_ref], contact_columns)?;
    row.with(contacts)
}

pub(super) fn non_sends_of(
    connection: &Connection,
    case: CaseId,
) -> Result<Vec<NonSendRow>, StoreError> {
    let sql = include_str!("../../queries/sqlite/non_sends_of_case.sql");
    all(connection, sql, [case.to_string()], non_send_columns)
}

pub(super) fn signals_of(
    connection: &Connection,
    case: CaseId,
) -> Result<Vec<SignalRow>, StoreError> {
    let sql = include_str!("../../queries/sqlite/signals_of_case.sql");
    all(connection, sql, [case.to_string()], signal_columns)
}

pub(super) fn visits_of(connection: &Connection, case: CaseId) -> Result<Vec<Visit>, StoreError> {
    let sql = include_str!("../../queries/sqlite/visits_of_case.sql");
    all(connection, sql, [case.to_string()], visit_columns)
}

/// What Cobalt is asked with, and the token it waits for.
pub(super) fn account_sealed(
    connection: &Connection,
    account_ref: &AccountRef,
) -> Result<Option<(UserAndOrg, Sealed)>, StoreError> {
    let sql = include_str!("../../queries/sqlite/account_sealed.sql");
    one(connection, sql, [account_ref.as_str()], |row| {
        let who = UserAndOrg { user_id: row.get(0)?, org_id: row.get(1)? };
        Ok((who, Sealed { key: row.get(2)?, bytes: row.get(3)? }))
    })
}

/// Whose account it is.
pub(super) struct UserAndOrg {
    pub(super) user_id: String,
    pub(super) org_id: String,
}

pub(super) fn case_columns(row: &Row<'_>) -> rusqlite::Result<CaseColumns> {
    Ok(CaseColumns {
        case_id: row.get(0)?,
        account_ref: row.get(1)?,
        kind: row.get(2)?,
        opened_at: row.get(3)?,
        expires_at: row.get(4)?,
        hold: row.get(5)?,
        closed_at: row.get(6)?,
        close_reason: row.get(7)?,
        signals: row.get(8)?,
        emr_instance_domain: row.get(9)?,
        error_type: row.get(10)?,
        trace: row.get(11)?,
    })
}

pub(super) fn notification_columns(row: &Row<'_>) -> rusqlite::Result<NotificationColumns> {
    Ok(NotificationColumns {
        notification_id: row.get(0)?,
        case_id: row.get(1)?,
        account_ref: row.get(2)?,
        step: row.get(3)?,
        channel: row.get(4)?,
        contact_id: row.get(5)?,
        state: row.get(6)?,
        reason: row.get(7)?,
        planned_for: row.get(8)?,
        due_at: row.get(9)?,
        wake_at: row.get(10)?,
        fence: row.get(11)?,
        lease_owner: row.get(12)?,
        lease_until: row.get(13)?,
        attempts: row.get(14)?,
        spent: row.get(15)?,
        doubts: row.get(16)?,
        looks: row.get(17)?,
        link_key: row.get(18)?,
    })
}

pub(super) fn attempt_columns(row: &Row<'_>) -> rusqlite::Result<AttemptColumns> {
    Ok(AttemptColumns {
        notification_id: row.get(0)?,
        number: row.get(1)?,
        case_id: row.get(2)?,
        account_ref: row.get(3)?,
        step: row.get(4)?,
        channel: row.get(5)?,
        contact_id: row.get(6)?,
        address: row.get(7)?,
        started_at: row.get(8)?,
        finished_at: row.get(9)?,
        outcome: row.get(10)?,
        reason: row.get(11)?,
        resolved_as: row.get(12)?,
        provider_message_id: row.get(13)?,
        provider_code: row.get(14)?,
        took_ms: row.get(15)?,
        worker: row.get(16)?,
    })
}

pub(super) fn log_columns(row: &Row<'_>) -> rusqlite::Result<LogColumns> {
    Ok(LogColumns {
        sequence: row.get(0)?,
        at: row.get(1)?,
        operator: row.get(2)?,
        action: row.get(3)?,
        subject_kind: row.get(4)?,
        subject_id: row.get(5)?,
        detail: row.get(6)?,
        prev_hash: row.get(7)?,
        hash: row.get(8)?,
    })
}

pub(super) fn account_columns(row: &Row<'_>) -> rusqlite::Result<AccountColumns> {
    Ok(AccountColumns {
        account_ref: row.get(0)?,
        user_id: row.get(1)?,
        org_id: row.get(2)?,
        emr_instance_domain: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        time_zone: row.get(6)?,
    })
}

fn contact_columns(row: &Row<'_>) -> rusqlite::Result<ContactColumns> {
    Ok(ContactColumns {
        account_ref: row.get(0)?,
        contact_id: row.get(1)?,
        position: row.get(2)?,
        role: row.get(3)?,
        email: row.get(4)?,
        phone: row.get(5)?,
        locale: row.get(6)?,
        time_zone: row.get(7)?,
        sms_consent: row.get(8)?,
        name: row.get(9)?,
    })
}

fn non_send_columns(row: &Row<'_>) -> rusqlite::Result<NonSendColumns> {
    Ok(NonSendColumns {
        case_id: row.get(0)?,
        notification_id: row.get(1)?,
        step: row.get(2)?,
        contact_id: row.get(3)?,
        at: row.get(4)?,
        decision: row.get(5)?,
        reason: row.get(6)?,
    })
}

fn visit_columns(row: &Row<'_>) -> rusqlite::Result<VisitColumns> {
    Ok(VisitColumns {
        case_id: row.get(0)?,
        notification_id: row.get(1)?,
        at: row.get(2)?,
        step: row.get(3)?,
        way: row.get(4)?,
        visitor: row.get(5)?,
    })
}

fn signal_columns(row: &Row<'_>) -> rusqlite::Result<SignalColumns> {
    Ok(SignalColumns {
        event_id: row.get(0)?,
        account_ref: row.get(1)?,
        kind: row.get(2)?,
        source: row.get(3)?,
        occurred_at: row.get(4)?,
        received_at: row.get(5)?,
        applied_at: row.get(6)?,
        emr_instance_domain: row.get(7)?,
        error_type: row.get(8)?,
        digest: row.get(9)?,
        trace: row.get(10)?,
        result: row.get(11)?,
        case_id: row.get(12)?,
    })
}
