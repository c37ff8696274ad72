-- ?4: 1 open, 0 closed, NULL both.
SELECT c.case_id, c.account_ref, c.kind, c.opened_at, c.expires_at, c.hold, c.closed_at, c.close_reason, c.signals,
       c.emr_instance_domain, c.error_type, c.trace
FROM accounts AS a
JOIN cases AS c ON c.account_ref = a.account_ref
WHERE a.user_id = ?5
  AND (c.opened_at, c.case_id) < (?1, ?2)
  AND (?4 IS NULL OR (c.closed_at IS NULL) = ?4)
ORDER BY c.opened_at DESC, c.case_id DESC
LIMIT ?3
