-- Locked in the order of their ids, as everywhere; answered in the order of the timeline.
WITH locked AS MATERIALIZED (
    SELECT n.*
    FROM notifications AS n
    JOIN cases AS c ON c.case_id = n.case_id
    WHERE c.account_ref = ANY ($1::text[]) AND c.closed_at IS NULL
    ORDER BY n.notification_id
    FOR UPDATE OF n
)
SELECT notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
       planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
       looks, link_key
FROM locked
ORDER BY planned_for, created_at, ordinal
