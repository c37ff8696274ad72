-- I7: no attempt was begun after its case had closed or expired, by the store's own clock.
WITH bad AS (
    SELECT a.notification_id AS id
    FROM attempts AS a
    JOIN cases AS c ON c.case_id = a.case_id
    WHERE a.started_at > c.closed_at OR a.started_at >= c.expires_at
)
SELECT (SELECT count(*) FROM attempts) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT group_concat(id, char(10))
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT ?1) AS shown
       ) AS examples
WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL
