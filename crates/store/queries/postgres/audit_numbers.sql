-- I6: attempts are numbered from 1 without a gap, as many as were begun: none is missing.
WITH bad AS (
    SELECT n.notification_id AS id
    FROM notifications AS n
    LEFT JOIN (
        SELECT notification_id, count(*) AS many, min(number) AS first, max(number) AS last
        FROM attempts
        GROUP BY notification_id
    ) AS a ON a.notification_id = n.notification_id
    WHERE n.attempts <> coalesce(a.many, 0)
       OR n.attempts <> coalesce(a.last, 0)
       OR coalesce(a.first, 1) <> 1
)
SELECT (SELECT count(*) FROM notifications) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT string_agg(id, E'\n' ORDER BY id)
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT $1::bigint) AS shown
       ) AS examples
WHERE $2::bigint IS NOT NULL AND $3::bigint IS NOT NULL
