-- Before their notifications, here and wherever a case is closed: a repair either waits for this
-- transaction or is seen by it.
SELECT case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
       emr_instance_domain, error_type, trace
FROM cases
WHERE case_id IN (SELECT case_id FROM notifications WHERE notification_id = ANY ($1::text[]))
ORDER BY case_id
FOR SHARE
