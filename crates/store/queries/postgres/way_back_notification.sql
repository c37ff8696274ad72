-- $1: the hash of a link, or NULL; $2: a notification, or NULL.
SELECT notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
       planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
       looks, link_key
FROM notifications
WHERE notification_id
      = coalesce($2::text, (SELECT l.notification_id FROM links AS l WHERE l.token_hash = $1))
