//! Brings the schema up to this release, in one transaction under a lock, so that any number of
//! processes may start at once and a failed migration leaves nothing behind.

use super::error::Failure;
use super::transaction::{NOW, Transaction, query};
use crate::migrations::{
    AppliedMigration, Migration, Past, is_ahead, migration, pending, up_to_date,
};
use relink_core::time::to_millis;
use std::time::Duration;
use tokio_postgres::Row;

/// How long a migration may take, waiting for another process included.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

/// Every migration, oldest first; numbers rise and may leave gaps.
const MIGRATIONS: &[Migration] = &[
    migration!("postgres", 1, "0001_initial"),
    migration!("postgres", 2, "0002_marks"),
    migration!("postgres", 3, "0003_audit"),
    migration!("postgres", 4, "0004_compatibility"),
    migration!("postgres", 5, "0005_arrears"),
    migration!("postgres", 6, "0006_coming_back"),
    migration!("postgres", 7, "0007_zones_wanted"),
    migration!("postgres", 8, "0008_app_events"),
];

/// Applies what is missing; answers the names applied now.
pub(super) async fn migrate(tx: &Transaction) -> Result<Vec<String>, Failure> {
    let [now] = tx.begin([NOW]).await?;
    let now = to_millis(tx.now(&now)?);
    tx.script(sql!("lock_migrations")).await?;
    let missing = pending(MIGRATIONS, &past(tx).await?)?;
    for migration in &missing {
        tx.script(migration.sql).await?;
        let checksum = migration.checksum();
        tx.execute([query(
            sql!("insert_schema_migration"),
            &[&migration.version, &migration.name, &checksum, &now],
        )])
        .await?;
    }
    tx.commit(&[]).await?;
    Ok(missing.iter().map(|migration| migration.name.to_owned()).collect())
}

/// Whether the server answers and the schema is the one this release needs.
pub(super) async fn check(tx: &Transaction) -> Result<(), Failure> {
    let [present] = tx.execute([query(sql!("has_schema_migrations"), &[])]).await?;
    let present = present.first().map(|row| row.try_get("present")).transpose()?.unwrap_or(false);
    let past = if present { past(tx).await? } else { Past::default() };
    Ok(up_to_date(MIGRATIONS, &past)?)
}

async fn past(tx: &Transaction) -> Result<Past, Failure> {
    let [rows] = tx.execute([query(sql!("schema_migrations"), &[])]).await?;
    let applied = applied_migrations(&rows)?;
    if !is_ahead(MIGRATIONS, &applied) {
        // What came before it has no such table.
        return Ok(Past { applied, least: None });
    }
    let [rows] = tx.execute([query(sql!("least_migration"), &[])]).await?;
    let least = rows.first().map(|row| row.try_get("least")).transpose()?;
    Ok(Past { applied, least })
}

fn applied_migrations(rows: &[Row]) -> Result<Vec<AppliedMigration>, Failure> {
    let read = |row: &Row| -> Result<AppliedMigration, tokio_postgres::Error> {
        Ok(AppliedMigration {
            version: row.try_get("version")?,
            name: row.try_get("name")?,
            checksum: row.try_get("checksum")?,
        })
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}
