//! Brings the file's schema up to this release, in the writer's transaction.

use super::read::{all, value};
use super::write::execute;
use crate::StoreError;
use crate::migrations::{
    AppliedMigration, Migration, Past, is_ahead, migration, pending, up_to_date,
};
use relink_core::Timestamp;
use relink_core::time::to_millis;
use rusqlite::{Connection, params};

/// Every migration, oldest first; numbers rise and may leave gaps.
const MIGRATIONS: &[Migration] = &[
    migration!("sqlite", 1, "0001_initial"),
    migration!("sqlite", 2, "0002_marks"),
    migration!("sqlite", 3, "0003_audit"),
    migration!("sqlite", 4, "0004_compatibility"),
    migration!("sqlite", 5, "0005_arrears"),
    migration!("sqlite", 6, "0006_coming_back"),
    migration!("sqlite", 7, "0007_zones_wanted"),
    migration!("sqlite", 8, "0008_app_events"),
];

/// Applies what is missing; answers the names of what it applied.
pub(super) fn migrate(connection: &Connection, now: Timestamp) -> Result<Vec<String>, StoreError> {
    execute(connection, include_str!("../../queries/sqlite/create_schema_migrations.sql"), [])?;
    let mut names = Vec::new();
    for migration in pending(MIGRATIONS, &past(connection)?)? {
        connection.execute_batch(migration.sql)?;
        let sql = include_str!("../../queries/sqlite/insert_schema_migration.sql");
        let Migration { version, name, .. } = migration;
        execute(connection, sql, params![version, name, migration.checksum(), to_millis(now)])?;
        names.push((*name).to_owned());
    }
    Ok(names)
}

/// Whether the schema is the one this release needs.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let sql = include_str!("../../queries/sqlite/has_schema_migrations.sql");
    let past = if value(connection, sql, [])? { past(connection)? } else { Past::default() };
    up_to_date(MIGRATIONS, &past)
}

fn past(connection: &Connection) -> Result<Past, StoreError> {
    let sql = include_str!("../../queries/sqlite/schema_migrations.sql");
    let applied: Vec<AppliedMigration> = all(connection, sql, [], |row| {
        Ok(AppliedMigration { version: row.get(0)?, name: row.get(1)?, checksum: row.get(2)? })
    })?;
    // What came before it has no such table.
    let least = if is_ahead(MIGRATIONS, &applied) {
        Some(value(connection, include_str!("../../queries/sqlite/least_migration.sql"), [])?)
    } else {
        None
    };
    Ok(Past { applied, least })
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
