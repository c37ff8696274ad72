-- One process at a time, and patience for the one before: the limits of ordinary statements are
-- lifted for this transaction. The two-key form cannot meet the locks of accounts, which have one.
SET LOCAL lock_timeout = '60s';
SET LOCAL statement_timeout = '100s';
SET LOCAL idle_in_transaction_session_timeout = '60s';
SELECT pg_advisory_xact_lock(hashtext('relink'), hashtext('schema_migrations'));
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    BIGINT PRIMARY KEY,
    name       TEXT NOT NULL,
    checksum   TEXT NOT NULL,
    applied_at BIGINT NOT NULL
);
