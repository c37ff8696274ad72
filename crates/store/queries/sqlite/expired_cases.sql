SELECT case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
       emr_instance_domain, error_type, trace
FROM cases
WHERE closed_at IS NULL AND expires_at <= ?1
ORDER BY expires_at
LIMIT ?2
