-- I7: no attempt was begun after it had been decided that its notification is not sent.
WITH bad AS (
    SELECT a.notification_id AS id
    FROM non_sends AS r
    JOIN attempts AS a ON a.notification_id = r.notification_id AND a.started_at > r.at
    WHERE r.decision IN ('skipped', 'cancelled', 'superseded', 'dead')
)
SELECT (SELECT count(*) FROM non_sends) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT group_concat(id, char(10))
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT ?1) AS shown
       ) AS examples
WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL
