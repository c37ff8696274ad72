-- $1: the time set by hand, or NULL for this server's. Rows that another worker takes at this moment
-- are left to it.
WITH clock AS MATERIALIZED (
    SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
), due AS (
    SELECT event_id, endpoint, due_at
    FROM app_deliveries
    WHERE endpoint = $2 AND state = 'pending' AND due_at <= (SELECT now FROM clock)
    ORDER BY due_at
    LIMIT $4
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE app_deliveries AS d
    SET due_at = (SELECT now FROM clock) + $3, lease = (SELECT now FROM clock) + $3
    FROM due
    WHERE d.event_id = due.event_id AND d.endpoint = due.endpoint
    RETURNING d.event_id, d.endpoint, d.tries, d.lease, due.due_at AS was_due_at
)
SELECT claimed.event_id, claimed.endpoint, events.kind, events.body, claimed.tries, claimed.lease
FROM claimed
JOIN app_events AS events ON events.event_id = claimed.event_id
ORDER BY claimed.was_due_at, events.at, claimed.event_id
