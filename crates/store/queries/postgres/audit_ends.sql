-- I1: an end has a reason; what is not sent has it on the timeline too; nothing of a closed
-- case waits. What a worker holds may end after its case, until its lease is long past.
WITH bad AS (
    SELECT n.notification_id AS id
    FROM notifications AS n
    LEFT JOIN cases AS c ON c.case_id = n.case_id
    WHERE c.case_id IS NULL
       OR (n.state IN ('sent', 'skipped', 'cancelled', 'failed', 'dead') AND n.reason IS NULL)
       OR (
           n.state IN ('skipped', 'cancelled', 'dead')
           AND NOT EXISTS (
               SELECT 1
               FROM non_sends AS r
               WHERE r.case_id = n.case_id AND r.notification_id = n.notification_id
           )
       )
       OR (n.state IN ('planned', 'doubtful') AND c.closed_at IS NOT NULL)
       OR (
           n.state = 'sending' AND c.closed_at IS NOT NULL
           AND coalesce(n.lease_until, c.closed_at) < $2::bigint
       )
)
SELECT (SELECT count(*) FROM notifications) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT string_agg(id, E'\n' ORDER BY id)
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT $1::bigint) AS shown
       ) AS examples
WHERE $3::bigint IS NOT NULL
