-- $1: the time set by hand, or NULL for this server's. Rows that another scheduler holds at this
-- moment are left to it.
WITH clock AS MATERIALIZED (
    SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
), due AS (
    SELECT notification_id, wake_at
    FROM notifications
    WHERE wake_at <= (SELECT now FROM clock)
    ORDER BY wake_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE notifications AS n
    SET wake_at = (SELECT now FROM clock) + $2
    FROM due
    WHERE n.notification_id = due.notification_id
    RETURNING n.notification_id, n.channel, n.case_id, due.wake_at AS was_due_at
)
SELECT claimed.notification_id, claimed.channel, cases.trace
FROM claimed
LEFT JOIN cases ON cases.case_id = claimed.case_id
ORDER BY claimed.was_due_at, claimed.notification_id
