SELECT n.notification_id, n.case_id, n.account_ref, n.step, n.channel, n.contact_id, n.state, n.reason,
       n.planned_for, n.due_at, n.wake_at, n.fence, n.lease_owner, n.lease_until, n.attempts, n.spent, n.doubts,
       n.looks, n.link_key
FROM notifications AS n
JOIN cases AS c ON c.case_id = n.case_id
WHERE c.account_ref = ANY ($1::text[]) AND c.closed_at IS NULL
ORDER BY n.notification_id
FOR UPDATE OF n
