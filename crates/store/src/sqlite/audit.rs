//! An audit on one view of the file.

use super::operate::page;
use super::read::all;
use super::{SqliteStore, limit};
use crate::audit::{self, Audited, Found, PAGE, StoreCheck, late, statements, unclaimed};
use crate::{AuditRequest, AuditStore, StoreError};
use relink_core::Timestamp;
use relink_core::operator_log::Chain;
use rusqlite::{Connection, params};

const CHECKS: [(StoreCheck, &str); 11] = statements!("sqlite");

const GUARDS: [&str; 6] = [
    "attempts_delete",
    "attempts_insert",
    "attempts_update",
    "operator_log_delete",
    "operator_log_insert",
    "operator_log_update",
];

#[async_trait::async_trait]
impl AuditStore for SqliteStore {
    async fn audit(&self, request: &AuditRequest) -> Result<Audited, StoreError> {
        let (request, clock) = (request.clone(), self.terms.clock.clone());
        self.read(move |connection| run(connection, &request, clock.now())).await
    }
}

fn run(
    connection: &Connection,
    request: &AuditRequest,
    now: Timestamp,
) -> Result<Audited, StoreError> {
    let mut found = Vec::with_capacity(CHECKS.len() + 2);
    for (check, sql) in CHECKS {
        let row = params![limit(request.examples), late(now), unclaimed(now)];
        found.push(connection.prepare(sql)?.query_row(row, |row| {
            let examples: Option<String> = row.get(2)?;
            Ok(audit::found(check, (row.get(0)?, row.get(1)?), examples.as_deref()))
        })?);
    }
    found.push(guards(connection)?);
    let mut chain = Chain::containing(request.known_head.clone());
    let mut after = 0;
    loop {
        let entries = page(connection, after, PAGE)?;
        let Some(last) = entries.last() else { break };
        after = last.sequence;
        entries.iter().for_each(|entry| chain.take(entry));
    }
    found.push(audit::operator_log(&chain));
    let sql = include_str!("../../queries/sqlite/audit_counts.sql");
    let (applied, cases_open): (i64, i64) =
        connection.prepare(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (applied, cases_open) = (applied.unsigned_abs(), cases_open.unsigned_abs());
    Ok(Audited { at: now, found, applied, cases_open, head: chain.head().clone() })
}

fn guards(connection: &Connection) -> Result<Found, StoreError> {
    let sql = include_str!("../../queries/sqlite/audit_guards.sql");
    let present: Vec<String> = all(connection, sql, [], |row| row.get::<_, String>(0))?;
    Ok(audit::guards(&GUARDS, &present))
}
