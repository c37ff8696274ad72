-- I10: what waits has a moment, which is not long past: somebody schedules, sends and expires.
-- What is parked belongs to a case that is held.
WITH bad AS (
    SELECT n.notification_id AS id
    FROM notifications AS n
    JOIN cases AS c ON c.case_id = n.case_id
    WHERE n.state IN ('planned', 'sending', 'doubtful')
      AND (
          n.wake_at < $3::bigint
          OR (n.wake_at IS NOT NULL AND coalesce(n.lease_until, n.due_at) < $2::bigint)
          OR (n.wake_at IS NULL AND c.hold IS NULL)
      )
    UNION ALL
    SELECT case_id AS id
    FROM cases
    WHERE closed_at IS NULL AND expires_at < $2::bigint
)
SELECT (SELECT count(*) FROM notifications WHERE state IN ('planned', 'sending', 'doubtful')) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT string_agg(id, E'\n' ORDER BY id)
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT $1::bigint) AS shown
       ) AS examples
