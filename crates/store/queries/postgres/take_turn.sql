-- $4: the time set by hand, or NULL for this server's.
WITH clock AS MATERIALIZED (
    SELECT coalesce($4::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
)
INSERT INTO marks (name, taken_by, taken_until)
SELECT $1::text, $2::text, clock.now + $3::bigint
FROM clock
ON CONFLICT (name) DO UPDATE
SET taken_by = excluded.taken_by, taken_until = excluded.taken_until
WHERE marks.taken_by IS NULL OR marks.taken_by = excluded.taken_by
   OR marks.taken_until <= excluded.taken_until - $3::bigint
RETURNING reached, arrears, taken_until - $3::bigint AS now
