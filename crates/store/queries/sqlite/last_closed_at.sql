-- The end of the account's last case, or its last repair with or without one.
SELECT max(ended_at)
FROM (
    SELECT max(closed_at) AS ended_at FROM cases WHERE account_ref = ?1
    UNION ALL
    SELECT max(applied_at) FROM signals WHERE account_ref = ?1 AND kind = 'repaired'
)
