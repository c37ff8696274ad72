-- $1: the time set by hand, or NULL for this server's; $6: until the next try, NULL when it has ended.
WITH clock AS MATERIALIZED (
    SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
)
UPDATE app_deliveries
SET state = $5,
    due_at = (SELECT now FROM clock) + coalesce($6::bigint, 0),
    tries = tries + 1,
    lease = NULL,
    last_status = $7,
    last_at = (SELECT now FROM clock)
WHERE event_id = $2 AND endpoint = $3 AND lease = $4 AND state = 'pending'
RETURNING event_id
