-- Locked in the order of their ids, as everywhere; answered in the order of the timeline.
WITH locked AS MATERIALIZED (
    SELECT *
    FROM notifications
    WHERE case_id = ANY ($1::text[])
    ORDER BY notification_id
    FOR UPDATE
)
SELECT notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
       planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
       looks, link_key
FROM locked
ORDER BY planned_for, created_at, ordinal
