-- Without those that an operator had planned again: their replay goes on in their place.
SELECT notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
       planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
       looks, link_key
FROM notifications AS n
WHERE state = 'dead'
  AND NOT EXISTS (
      SELECT 1
      FROM non_sends AS r
      WHERE r.case_id = n.case_id AND r.notification_id = n.notification_id
        AND r.decision = 'replayed'
  )
ORDER BY n.updated_at, n.ordinal
LIMIT $1
