//! Executes what `changes` decided, in the order it is listed there. Decides nothing.

use super::tell::{insert_event, owners, read_cases};
use super::{Terms, limit};
use crate::StoreError;
use crate::changes::{
    AccountWrite, AttemptFinish, AttemptResolution, LinkWrite, SignalWrite, VisitWrite, Writes,
    app_events, concerned,
};
use crate::rows::{
    AttemptColumns, CaseColumns, ContactColumns, LogColumns, NonSendColumns, NotificationColumns,
    SignalColumns, StoredNotification, VisitColumns,
};
use relink_core::Timestamp;
use relink_core::time::to_millis;
use relink_core::visit::MAX_VISITS;
use rusqlite::{Connection, Params, params};

/// Writes everything and what the customer's app is to be told of it, or fails having written a
/// part, which the caller's savepoint undoes.
pub(super) fn write(
    connection: &Connection,
    terms: &Terms,
    writes: &Writes,
    now: Timestamp,
) -> Result<(), StoreError> {
    let endpoints = &terms.rules.app;
    let Some(concerned) = concerned(writes, endpoints) else {
        return write_rows(connection, writes);
    };
    let mut around = owners(connection, &concerned)?;
    write_rows(connection, writes)?;
    read_cases(connection, &concerned, &mut around)?;
    let events = app_events(writes, &around, endpoints, now);
    write_rows(connection, &Writes { app_events: events, ..Writes::default() })
}

fn write_rows(connection: &Connection, writes: &Writes) -> Result<(), StoreError> {
    for account in &writes.accounts {
        put_account(connection, account)?;
    }
    for account_ref in &writes.deleted_accounts {
        let sql = include_str!("../../queries/sqlite/delete_account.sql");
        execute(connection, sql, [account_ref.as_str()])?;
    }
    for new in &writes.new_cases {
        insert_case(connection, CaseColumns::new(&new.case, new.trace))?;
    }
    for case in &writes.cases {
        update_case(connection, CaseColumns::new(case, None))?;
    }
    for SignalWrite { row, case_id } in &writes.signals {
        insert_signal(connection, SignalColumns::new(row, *case_id))?;
    }
    for (new, at) in &writes.new_notifications {
        insert_notification(connection, &StoredNotification::planned(new), *at)?;
    }
    for (stored, at) in &writes.notifications {
        update_notification(connection, stored, *at)?;
    }
    for row in &writes.new_attempts {
        insert_attempt(connection, AttemptColumns::from(row))?;
    }
    for finish in &writes.finished_attempts {
        finish_attempt(connection, finish)?;
    }
    for resolution in &writes.resolved_attempts {
        resolve_attempt(connection, resolution)?;
    }
    for (case_id, row) in &writes.non_sends {
        insert_non_send(connection, NonSendColumns::new(*case_id, row))?;
    }
    for LinkWrite { token_hash, notification_id } in &writes.links {
        let sql = include_str!("../../queries/sqlite/insert_link.sql");
        execute(connection, sql, [token_hash, &notification_id.to_string()])?;
    }
    for entry in &writes.operator_log {
        insert_entry(connection, LogColumns::from(entry.clone()))?;
    }
    for visit in &writes.visits {
        insert_visit(connection, visit)?;
    }
    for (case_id, at) in &writes.rechecks {
        let sql = include_str!("../../queries/sqlite/put_recheck.sql");
        execute(connection, sql, params![case_id.to_string(), to_millis(*at)])?;
    }
    writes.app_events.iter().try_for_each(|event| insert_event(connection, event))
}

/// Runs one statement; answers how many rows it changed.
pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<usize, StoreError> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

fn insert_entry(connection: &Connection, row: LogColumns) -> Result<(), StoreError> {
    let sql = include_str!("../../queries/sqlite/insert_operator_log.sql");
    let row = params![
        row.sequence,
        row.at,
        row.operator,
        row.action,
        row.subject_kind,
        row.subject_id,
        row.detail,
        row.prev_hash,
        row.hash,
    ];
    execute(connection, sql, row).map(drop)
}

fn put_account(connection: &Connection, write: &AccountWrite) -> Result<(), StoreError> {
    let AccountWrite { account, token, at } = write;
    let sql = include_str!("../../queries/sqlite/put_account.sql");
    let row = params![
        account.account_ref.as_str(),
        account.user_id,
        account.org_id,
        account.emr_instance_domain,
        token.bytes,
        token.key,
        to_millis(*at),
    ];
    execute(connection, sql, row)?;
    let sql = include_str!("../../queries/sqlite/delete_contacts.sql");
    execute(connection, sql, [account.account_ref.as_str()])?;
    let sql = include_str!("../../queries/sqlite/insert_contact.sql");
    for c in ContactColumns::of(account) {
        let row = params![
            c.account_ref,
            c.contact_id,
            c.position,
            c.role,
            c.email,
            c.phone,
            c.locale,
            c.time_zone,
            c.sms_consent,
            c.name,
        ];
        execute(connection, sql, row)?;
    }
    Ok(())
}

fn insert_case(connection: &Connection, c: CaseColumns) -> Result<usize, StoreError> {
    let row = params![
        c.case_id,
        c.account_ref,
        c.kind,
        c.opened_at,
        c.expires_at,
        c.hold,
        c.closed_at,
        c.close_reason,
        c.signals,
        c.emr_instance_domain,
        c.error_type,
        c.trace,
    ];
    execute(connection, include_str!("../../queries/sqlite/insert_case.sql"), row)
}

fn update_case(connection: &Connection, c: CaseColumns) -> Result<usize, StoreError> {
    let row = params![c.case_id, c.kind, c.hold, c.closed_at, c.close_reason, c.signals];
    execute(connection, include_str!("../../queries/sqlite/update_case.sql"), row)
}

fn insert_signal(connection: &Connection, s: SignalColumns) -> Result<usize, StoreError> {
    let row = params![
        s.event_id,
        s.account_ref,
        s.kind,
        s.source,
        s.occurred_at,
        s.received_at,
        s.applied_at,
        s.emr_instance_domain,
        s.error_type,
        s.digest,
        s.trace,
        s.result,
        s.case_id,
    ];
    execute(connection, include_str!("../../queries/sqlite/insert_signal.sql"), row)
}

fn insert_notification(
    connection: &Connection,
    stored: &StoredNotification,
    at: Timestamp,
) -> Result<usize, StoreError> {
    let n = NotificationColumns::from(stored);
    let row = params![
        n.notification_id,
        n.case_id,
        n.account_ref,
        n.step,
        n.channel,
        n.contact_id,
        n.state,
        n.reason,
        n.planned_for,
        n.due_at,
        n.wake_at,
        n.fence,
        n.lease_owner,
        n.lease_until,
        n.attempts,
        n.spent,
        n.doubts,
        n.looks,
        n.link_key,
        to_millis(at),
    ];
    execute(connection, include_str!("../../queries/sqlite/insert_notification.sql"), row)
}

fn update_notification(
    connection: &Connection,
    stored: &StoredNotification,
    at: Timestamp,
) -> Result<usize, StoreError> {
    let n = NotificationColumns::from(stored);
    let row = params![
        n.notification_id,
        n.state,
        n.reason,
        n.due_at,
        n.wake_at,
        n.fence,
        n.lease_owner,
        n.lease_until,
        n.attempts,
        n.spent,
        n.doubts,
        n.looks,
        n.link_key,
        to_millis(at),
    ];
    execute(connection, include_str!("../../queries/sqlite/update_notification.sql"), row)
}

fn insert_attempt(connection: &Connection, a: AttemptColumns) -> Result<usize, StoreError> {
    let row = params![
        a.notification_id,
        a.number,
        a.case_id,
        a.account_ref,
        a.step,
        a.channel,
        a.contact_id,
        a.address,
        a.started_at,
        a.finished_at,
        a.outcome,
        a.reason,
        a.resolved_as,
        a.provider_message_id,
        a.provider_code,
        a.took_ms,
        a.worker,
    ];
    execute(connection, include_str!("../../queries/sqlite/insert_attempt.sql"), row)
}

fn finish_attempt(connection: &Connection, finish: &AttemptFinish) -> Result<usize, StoreError> {
    let row = params![
        finish.notification_id.to_string(),
        finish.number,
        to_millis(finish.finished_at),
        finish.outcome.as_str(),
        finish.reason.as_str(),
        finish.provider_message_id,
        finish.provider_code,
        finish.took_ms,
    ];
    execute(connection, include_str!("../../queries/sqlite/finish_attempt.sql"), row)
}

fn resolve_attempt(
    connection: &Connection,
    resolution: &AttemptResolution,
) -> Result<usize, StoreError> {
    let row = params![
        resolution.notification_id.to_string(),
        resolution.number,
        resolution.resolved_as.as_str(),
        to_millis(resolution.resolved_at),
        resolution.provider_message_id,
    ];
    execute(connection, include_str!("../../queries/sqlite/resolve_attempt.sql"), row)
}

fn insert_non_send(connection: &Connection, n: NonSendColumns) -> Result<usize, StoreError> {
    let row =
        params![n.case_id, n.notification_id, n.step, n.contact_id, n.at, n.decision, n.reason];
    execute(connection, include_str!("../../queries/sqlite/insert_non_send.sql"), row)
}

fn insert_visit(connection: &Connection, write: &VisitWrite) -> Result<usize, StoreError> {
    let v = VisitColumns::from(write);
    let (always, most) = (write.visit.step.is_always_recorded(), limit(MAX_VISITS));
    let row = params![v.case_id, v.notification_id, v.at, v.step, v.way, v.visitor, always, most];
    execute(connection, include_str!("../../queries/sqlite/insert_visit.sql"), row)
}
