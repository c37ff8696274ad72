-- $1: the time set by hand, or NULL for this server's; $2: the waits, of which the one behind the
-- last is NULL: nothing more is asked. Rows that another worker holds are left to it.
WITH clock AS MATERIALIZED (
    SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
), due AS (
    SELECT case_id, due_at
    FROM rechecks
    WHERE due_at <= (SELECT now FROM clock)
    ORDER BY due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE rechecks AS r
    SET tries = r.tries + 1,
        due_at = (SELECT now FROM clock) + ($2::bigint[])[r.tries + 2]
    FROM due
    WHERE r.case_id = due.case_id
    RETURNING r.case_id, due.due_at AS was_due_at
)
SELECT case_id FROM claimed ORDER BY was_due_at, case_id
