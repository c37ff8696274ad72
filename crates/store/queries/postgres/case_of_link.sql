SELECT c.case_id, c.account_ref, c.kind, c.opened_at, c.expires_at, c.hold, c.closed_at, c.close_reason, c.signals,
       c.emr_instance_domain, c.error_type, c.trace
FROM links AS l
JOIN notifications AS n ON n.notification_id = l.notification_id
JOIN cases AS c ON c.case_id = n.case_id
WHERE l.token_hash = $1
