-- The same locks as lock_accounts.sql, for the accounts of these cases.
SELECT pg_advisory_xact_lock(key)
FROM (
    SELECT DISTINCT hashtextextended(account_ref, 0) AS key
    FROM cases
    WHERE case_id = ANY ($1::text[])
    ORDER BY key
) AS keys
