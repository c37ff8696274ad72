-- ?1: the users, as a JSON list. Each finds its accounts, and each of these its one open case, by an
-- index.
SELECT c.case_id, c.account_ref, c.kind, c.opened_at, c.expires_at, c.hold, c.closed_at, c.close_reason, c.signals,
       c.emr_instance_domain, c.error_type, c.trace, a.user_id,
       EXISTS (
           SELECT 1
           FROM notifications AS n
           WHERE n.case_id = c.case_id AND n.channel = 'in_app' AND n.state = 'sent'
       )
FROM (SELECT DISTINCT value AS user_id FROM json_each(?1)) AS asked
CROSS JOIN accounts AS a ON a.user_id = asked.user_id
CROSS JOIN cases AS c ON c.account_ref = a.account_ref AND c.closed_at IS NULL
ORDER BY a.user_id, c.opened_at, c.case_id
