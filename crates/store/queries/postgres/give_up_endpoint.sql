-- $1: the time set by hand, or NULL for this server's.
WITH clock AS MATERIALIZED (
    SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
)
UPDATE app_deliveries
SET state = 'given_up', lease = NULL, last_status = $3, last_at = (SELECT now FROM clock)
WHERE endpoint = $2 AND state = 'pending'
RETURNING event_id
