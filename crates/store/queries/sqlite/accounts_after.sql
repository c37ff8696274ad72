SELECT account_ref, user_id, org_id, emr_instance_domain, created_at, updated_at, time_zone
FROM accounts
WHERE account_ref > ?1
ORDER BY account_ref
LIMIT ?2
