-- Whoever plans for an account, registers or deletes it does so alone, whether or not there is a
-- row to lock yet. In the order of the keys, so that two batches cannot wait for one another.
SELECT pg_advisory_xact_lock(key)
FROM (
    SELECT DISTINCT hashtextextended(account_ref, 0) AS key
    FROM unnest($1::text[]) AS wanted (account_ref)
    ORDER BY key
) AS keys
