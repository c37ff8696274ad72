//! Which migrations a database still needs. Forward only; what was applied never changes, which
//! the checksum kept beside it proves. A database that is one version ahead is served, since the
//! schema is migrated before the processes of a release are replaced: each migration only adds, and
//! what it makes needless goes with the next one. Further ahead is refused, because this release
//! cannot know what the columns mean.

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

/// The migrations in `ours` that are not in `applied`, in order.
///
/// # Errors
/// [`StoreError::Schema`] when the database is newer or its past differs from ours.
pub(crate) fn pending<'a>(
    ours: &'a [Migration],
    applied: &[AppliedMigration],
) -> Result<Vec<&'a Migration>, StoreError> {
    let newest = ours.last().map_or(0, |migration| migration.version);
    for done in applied {
        if done.version == newest + 1 {
            continue;
        }
        let Some(known) = ours.iter().find(|migration| migration.version == done.version) else {
            return Err(StoreError::Schema(format!(
                "the store's schema is at version {} ({}), this release knows versions up to \
                 {newest} and works with one more: start the release that migrated it, or restore the backup taken before",
                done.version, done.name,
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
        |migration: &&Migration| !applied.iter().any(|done| done.version == migration.version);
    Ok(ours.iter().filter(missing).collect())
}

/// Whether nothing is pending.
///
/// # Errors
/// [`StoreError::Schema`] says what is missing and what to do.
pub(crate) fn up_to_date(
    ours: &[Migration],
    applied: &[AppliedMigration],
) -> Result<(), StoreError> {
    let pending = pending(ours, applied)?;
    let Some(last) = pending.last() else {
        return Ok(());
    };
    let at = applied.iter().map(|done| done.version).max().unwrap_or(0);
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

    #[test]
    fn only_what_is_missing_is_applied() {
        assert_eq!(pending(&OURS, &[]).map(|list| list.len()), Ok(2));
        assert_eq!(pending(&OURS, &[applied(&OURS[0])]), Ok(vec![&OURS[1]]));
        assert_eq!(up_to_date(&OURS, &[applied(&OURS[0]), applied(&OURS[1])]), Ok(()));
        let error = up_to_date(&OURS, &[applied(&OURS[0])]).unwrap_err().to_string();
        assert!(error.contains("version 1") && error.contains("version 2"), "{error}");
        assert!(error.contains("relink migrate"), "{error}");
    }

    /// What the processes of one release say of the schemas around theirs.
    #[test]
    fn one_version_ahead_is_served() {
        let at = |version: i64| -> Vec<AppliedMigration> {
            let known = OURS.iter().filter(|ours| ours.version <= version).map(applied);
            let ahead = (3..=version).map(|version| AppliedMigration {
                version,
                name: format!("{version:04}_later"),
                checksum: "of another release".to_owned(),
            });
            known.chain(ahead).collect()
        };
        for (version, missing) in
            [(0, Some(2)), (1, Some(1)), (2, Some(0)), (3, Some(0)), (4, None)]
        {
            let applied = at(version);
            let pending = pending(&OURS, &applied).ok().map(|pending| pending.len());
            assert_eq!(pending, missing, "version {version}");
            assert_eq!(
                up_to_date(&OURS, &applied).is_ok(),
                missing == Some(0),
                "version {version}"
            );
        }
    }

    #[test]
    fn a_newer_or_different_past_is_refused() {
        let newer = AppliedMigration { version: 4, ..applied(&OURS[1]) };
        let error = pending(&OURS, &[newer]).unwrap_err().to_string();
        assert!(error.contains("version 4") && error.contains("up to 2"), "{error}");
        let other = AppliedMigration { checksum: "00".to_owned(), ..applied(&OURS[0]) };
        let error = pending(&OURS, &[other]).unwrap_err().to_string();
        assert!(error.contains("0001_a") && error.contains("another build"), "{error}");
    }
}
