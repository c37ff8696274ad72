SELECT notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
       planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
       looks, link_key
FROM notifications
WHERE notification_id = ANY ($1::text[])
ORDER BY notification_id
FOR UPDATE
