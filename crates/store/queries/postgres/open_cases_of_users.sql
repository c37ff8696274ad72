-- $1: the users.
SELECT c.case_id, c.account_ref, c.kind, c.opened_at, c.expires_at, c.hold, c.closed_at,
       c.close_reason, c.signals, c.emr_instance_domain, c.error_type, c.trace, a.user_id,
       EXISTS (
           SELECT 1
           FROM notifications AS n
           WHERE n.case_id = c.case_id AND n.channel = 'in_app' AND n.state = 'sent'
       ) AS told_in_app
FROM accounts AS a
JOIN cases AS c ON c.account_ref = a.account_ref
WHERE a.user_id = ANY ($1::text[]) AND c.closed_at IS NULL
ORDER BY a.user_id, c.opened_at, c.case_id
