//! Which migrations a database still needs. Forward only; what was applied never changes, which
//! the checksum kept beside it proves. The schema is migrated before the processes of a release are
//! replaced, so a database that is ahead is served for as long as it says that this release may run
//! on it: by the number of the migration that a program has to know at least. The migrations of a
//! release only add, and leave that number; what they make needless goes with the next release,
//! which raises it. A release below that number is refused, because it cannot know what the columns
//! mean.

use crate::StoreError;
use relink_core::seal::sha256_hex;

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Migration {
    /// Rises from one to the next, with gaps or without.
    pub(crate) version: i64,
    /// Its file, such as `0001_initial`.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// A step of one engine's schema, from its file in `migrations/`.
macro_rules! migration {
    ($engine:literal, $version:literal, $name:literal) => {
        $crate::migrations::Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/migrations/",
                $engine,
                "/",
                $name,
                ".sql"
            )),
        }
    };
}

pub(crate) use migration;

impl Migration {
    pub(crate) fn checksum(&self) -> String {
        sha256_hex(self.sql.as_bytes())
    }
}

/// A row of `schema_migrations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppliedMigration {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) checksum: String,
}

/// What was done to a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// In order.
    pub(crate) applied: Vec<AppliedMigration>,
    /// The migration that a program must know to run on it; needed of a database that is ahead.
    pub(crate) least: Option<i64>,
}

/// Whether the database has migrations from after this release.
pub(crate) fn is_ahead(ours: &[Migration], applied: &[AppliedMigration]) -> bool {
    applied.iter().any(|done| done.version > newest(ours))
}

fn newest(ours: &[Migration]) -> i64 {
    ours.last().map_or(0, |migration| migration.version)
}

/// The migrations in `ours` that are not in `past`, in order.
///
/// # Errors
/// [`StoreError::Schema`] when the database is too new or its past differs from ours.
pub(crate) fn pending<'a>(
    ours: &'a [Migration],
    past: &Past,
) -> Result<Vec<&'a Migration>, StoreError> {
    let newest = newest(ours);
    let serves_us = past.least.is_some_and(|least| least <= newest);
    for done in &past.applied {
        if done.version > newest && serves_us {
            continue;
        }
        let Some(known) = ours.iter().find(|migration| migration.version == done.version) else {
            return Err(StoreError::Schema(format!(
                "the store's schema is at version {} ({}), this release knows versions up to \
                 {newest}, and the schema is for releases that know {} at least: start the release \
                 that migrated it, or restore the backup taken before",
                done.version,
                done.name,
                past.least.unwrap_or(done.version),
            )));
        };
        if known.checksum() != done.checksum {
            return Err(StoreError::Schema(format!(
                "migration {} ({}) of the store is not the one this release brings: its checksum \
                 is {}, expected {}; this database belongs to another build",
                done.version,
                done.name,
                done.checksum,
                known.checksum(),
            )));
        }
    }
    let missing =
        |migration: &&Migration| !past.applied.iter().any(|done| done.version == migration.version);
    Ok(ours.iter().filter(missing).collect())
}

/// Whether nothing is pending.
///
/// # Errors
/// [`StoreError::Schema`] says what is missing and what to do.
pub(crate) fn up_to_date(ours: &[Migration], past: &Past) -> Result<(), StoreError> {
    let pending = pending(ours, past)?;
    let Some(last) = pending.last() else {
        return Ok(());
    };
    let at = past.applied.iter().map(|done| done.version).max().unwrap_or(0);
    Err(StoreError::Schema(format!(
        "the store's schema is at version {at}, this release needs version {}: run `relink migrate`",
        last.version,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [Migration; 2] = [
        Migration { version: 1, name: "0001_a", sql: "a" },
        Migration { version: 2, name: "0002_b", sql: "b" },
    ];

    fn applied(migration: &Migration) -> AppliedMigration {
        let Migration { version, name, .. } = *migration;
        AppliedMigration { version, name: name.to_owned(), checksum: migration.checksum() }
    }

    fn past(applied: &[AppliedMigration]) -> Past {
        Past { applied: applied.to_vec(), least: None }
    }

    #[test]
    fn only_what_is_missing_is_applied() {
        assert_eq!(pending(&OURS, &Past::default()).map(|list| list.len()), Ok(2));
        assert_eq!(pending(&OURS, &past(&[applied(&OURS[0])])), Ok(vec![&OURS[1]]));
        assert_eq!(up_to_date(&OURS, &past(&[applied(&OURS[0]), applied(&OURS[1])])), Ok(()));
        let error = up_to_date(&OURS, &past(&[applied(&OURS[0])])).unwrap_err().to_string();
        assert!(error.contains("version 1") && error.contains("version 2"), "{error}");
        assert!(error.contains("relink migrate"), "{error}");
    }

    /// What the processes of one release say of the schemas around theirs.
    #[test]
    fn a_schema_that_is_ahead_is_served_for_as_long_as_it_serves_this_release() {
        let at = |version: i64, least: i64| -> Past {
            let known = OURS.iter().filter(|ours| ours.version <= version).map(applied);
            let ahead = (3..=version).map(|version| AppliedMigration {
                version,
                name: format!("{version:04}_later"),
                checksum: "of another release".to_owned(),
            });
            let applied: Vec<_> = known.chain(ahead).collect();
            let least = is_ahead(&OURS, &applied).then_some(least);
            Past { applied, least }
        };
        for (version, least, missing) in [
            (0, 0, Some(2)),
            (1, 0, Some(1)),
            (2, 0, Some(0)),
            // A release may bring several migrations.
            (3, 1, Some(0)),
            (4, 2, Some(0)),
            (9, 2, Some(0)),
            (3, 3, None),
            (9, 3, None),
            (9, 9, None),
        ] {
            let past = at(version, least);
            let pending = pending(&OURS, &past).ok().map(|pending| pending.len());
            assert_eq!(pending, missing, "version {version}, for {least}");
            let serves = up_to_date(&OURS, &past).is_ok();
            assert_eq!(serves, missing == Some(0), "version {version}, for {least}");
        }
    }

    #[test]
    fn a_newer_or_different_past_is_refused() {
        let newer = AppliedMigration { version: 4, ..applied(&OURS[1]) };
        let newer = Past { applied: vec![newer], least: Some(3) };
        let error = pending(&OURS, &newer).unwrap_err().to_string();
        assert!(error.contains("version 4") && error.contains("up to 2"), "{error}");
        assert!(error.contains("know 3 at least"), "{error}");
        let other = AppliedMigration { checksum: "00".to_owned(), ..applied(&OURS[0]) };
        let error = pending(&OURS, &past(&[other])).unwrap_err().to_string();
        assert!(error.contains("0001_a") && error.contains("another build"), "{error}");
    }
}
