SELECT account_ref, max(closed_at) AS closed_at
FROM cases
WHERE account_ref = ANY ($1::text[]) AND closed_at IS NOT NULL
GROUP BY account_ref
