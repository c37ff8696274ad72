SELECT case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
       emr_instance_domain, error_type, trace
FROM cases
WHERE (opened_at, case_id) < (?1, ?2)
ORDER BY opened_at DESC, case_id DESC
LIMIT ?3
