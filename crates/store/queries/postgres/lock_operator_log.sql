-- One entry at a time, behind every other lock, until the commit. The two-key form cannot meet
-- the locks of accounts, which have one.
SELECT pg_advisory_xact_lock(hashtext('relink'), hashtext('operator_log'))
