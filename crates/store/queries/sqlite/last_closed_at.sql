SELECT max(closed_at)
FROM cases
WHERE account_ref = ?1
