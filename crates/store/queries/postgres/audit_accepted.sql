-- I3: never more than one acceptance and one for each doubt, and never more than two.
WITH bad AS (
    SELECT notification_id AS id
    FROM attempts
    GROUP BY notification_id
    HAVING sum(CASE WHEN outcome = 'accepted' OR resolved_as = 'accepted' THEN 1 ELSE 0 END) > 2
        OR sum(CASE WHEN outcome = 'accepted' OR resolved_as = 'accepted' THEN 1 ELSE 0 END)
           > 1 + sum(CASE WHEN outcome = 'unknown' THEN 1 ELSE 0 END)
)
SELECT (SELECT count(*) FROM attempts) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT string_agg(id, E'\n' ORDER BY id)
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT $1::bigint) AS shown
       ) AS examples
WHERE $2::bigint IS NOT NULL AND $3::bigint IS NOT NULL
