-- $1: the time set by hand, or NULL for this server's. Never before its moment or the end of a
-- lease, and nothing that has ended or is parked since.
WITH clock AS MATERIALIZED (
    SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
), ours AS (
    SELECT notification_id
    FROM notifications
    WHERE notification_id = ANY ($2::text[]) AND wake_at IS NOT NULL
    ORDER BY notification_id
    FOR UPDATE
)
UPDATE notifications AS n
SET wake_at = greatest((SELECT now FROM clock), n.due_at, coalesce(n.lease_until, 0))
FROM ours
WHERE n.notification_id = ours.notification_id
