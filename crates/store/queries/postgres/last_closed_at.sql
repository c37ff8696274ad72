-- The end of the account's last case, or its last repair with or without one.
SELECT account_ref, max(ended_at) AS closed_at
FROM (
    SELECT account_ref, closed_at AS ended_at
    FROM cases
    WHERE account_ref = ANY ($1::text[]) AND closed_at IS NOT NULL
    UNION ALL
    SELECT account_ref, applied_at AS ended_at
    FROM signals
    WHERE account_ref = ANY ($1::text[]) AND kind = 'repaired'
) AS ends
GROUP BY account_ref
