//! An audit in one read-only transaction, which sees one moment and holds up nobody.

use super::error::Failure;
use super::operate::page;
use super::transaction::{NOW, Transaction, query};
use super::{PostgresStore, limit};
use crate::audit::{self, Audited, Found, PAGE, StoreCheck, late, statements, unclaimed};
use crate::{AuditRequest, AuditStore, StoreError};
use relink_core::operator_log::Chain;
use std::time::Duration;

const CHECKS: [(StoreCheck, &str); 11] = statements!("postgres");

const GUARDS: [&str; 5] = [
    "attempts_delete",
    "attempts_truncate",
    "attempts_update",
    "operator_log_change",
    "operator_log_truncate",
];

/// Longer than the limits that the script sets for one statement.
const DEADLINE: Duration = Duration::from_secs(300);

#[async_trait::async_trait]
impl AuditStore for PostgresStore {
    async fn audit(&self, request: &AuditRequest) -> Result<Audited, StoreError> {
        self.database
            .run_within(DEADLINE, request.clone(), |tx, request| Box::pin(run(tx, request)))
            .await
    }
}

async fn run(tx: &Transaction, request: &AuditRequest) -> Result<Audited, Failure> {
    tx.begin_view(sql!("begin_audit")).await?;
    let [now] = tx.execute([NOW]).await?;
    let now = tx.now(&now)?;
    let (most, late, unclaimed) = (limit(request.examples), late(now), unclaimed(now));
    let mut found = Vec::with_capacity(CHECKS.len() + 2);
    for (check, sql) in CHECKS {
        let [rows] = tx.execute([query(sql, &[&most, &late, &unclaimed])]).await?;
        let Some(row) = rows.first() else { continue };
        let examples: Option<String> = row.try_get("examples")?;
        let counts = (row.try_get("looked_at")?, row.try_get("violating")?);
        found.push(audit::found(check, counts, examples.as_deref()));
    }
    found.push(guards(tx).await?);
    let mut chain = Chain::containing(request.known_head.clone());
    let mut after = 0;
    loop {
        let entries = page(tx, after, PAGE).await?;
        let Some(last) = entries.last() else { break };
        after = last.sequence;
        entries.iter().for_each(|entry| chain.take(entry));
    }
    found.push(audit::operator_log(&chain));
    let [counts] = tx.execute([query(sql!("audit_counts"), &[])]).await?;
    tx.commit(&[]).await?;
    let count = |column: &str| -> Result<u64, Failure> {
        let row = counts.first().map(|row| row.try_get::<_, i64>(column)).transpose()?;
        Ok(row.unwrap_or_default().unsigned_abs())
    };
    let (applied, cases_open) = (count("applied")?, count("cases_open")?);
    Ok(Audited { at: now, found, applied, cases_open, head: chain.head().clone() })
}

async fn guards(tx: &Transaction) -> Result<Found, Failure> {
    let [rows] = tx.execute([query(sql!("audit_guards"), &[])]).await?;
    let present: Vec<String> =
        rows.iter().map(|row| row.try_get("name")).collect::<Result<_, _>>()?;
    Ok(audit::guards(&GUARDS, &present))
}
