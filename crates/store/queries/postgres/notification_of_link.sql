SELECT n.notification_id, n.case_id, n.account_ref, n.step, n.channel, n.contact_id, n.state, n.reason,
       n.planned_for, n.due_at, n.wake_at, n.fence, n.lease_owner, n.lease_until, n.attempts, n.spent, n.doubts,
       n.looks, n.link_key
FROM links AS l
JOIN notifications AS n ON n.notification_id = l.notification_id
WHERE l.token_hash = $1
