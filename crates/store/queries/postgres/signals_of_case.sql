SELECT event_id, account_ref, kind, source, occurred_at, received_at, applied_at,
       emr_instance_domain, error_type, digest, trace, result, case_id
FROM signals
WHERE case_id = $1
ORDER BY applied_at, ordinal
