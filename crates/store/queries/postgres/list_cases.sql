-- A NULL leaves its condition out. Planned for the values of each call, so that every combination
-- finds its own index.
SELECT case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
       emr_instance_domain, error_type, trace
FROM cases
WHERE ($1::bool IS NULL OR (closed_at IS NULL) = $1)
  AND ($2::text IS NULL OR account_ref = $2)
  AND ($3::text IS NULL
       OR account_ref IN (SELECT account_ref FROM accounts WHERE user_id = $3))
  AND ($4::bigint IS NULL OR (opened_at, case_id) < ($4, $5::text))
ORDER BY opened_at DESC, case_id DESC
LIMIT $6
