-- $3: the time set by hand, or NULL for this server's.
WITH clock AS MATERIALIZED (
    SELECT coalesce($3::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
)
UPDATE notifications
SET lease_until = clock.now + $4,
    wake_at = clock.now + $4,
    updated_at = clock.now
FROM clock
WHERE notification_id = $1 AND fence = $2 AND lease_until IS NOT NULL
  AND state IN ('sending', 'doubtful')
RETURNING notification_id
