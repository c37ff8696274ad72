-- ?4: 1 open, 0 closed, NULL both; ?6: the user the account must belong to, or NULL.
SELECT case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
       emr_instance_domain, error_type, trace
FROM cases
WHERE account_ref = ?5
  AND (opened_at, case_id) < (?1, ?2)
  AND (?4 IS NULL OR (closed_at IS NULL) = ?4)
  AND (?6 IS NULL OR ?6 = (SELECT user_id FROM accounts WHERE accounts.account_ref = ?5))
ORDER BY opened_at DESC, case_id DESC
LIMIT ?3
