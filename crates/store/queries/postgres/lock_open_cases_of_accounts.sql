SELECT case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
       emr_instance_domain, error_type, trace
FROM cases
WHERE account_ref = ANY ($1::text[]) AND closed_at IS NULL
ORDER BY case_id
FOR UPDATE
