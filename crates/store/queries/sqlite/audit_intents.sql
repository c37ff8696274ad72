-- I4: an outcome is whole and comes after its intent; only what is being sent has none yet.
WITH bad AS (
    SELECT a.notification_id AS id
    FROM attempts AS a
    LEFT JOIN notifications AS n ON n.notification_id = a.notification_id
    WHERE n.notification_id IS NULL
       OR (a.outcome IS NULL) <> (a.finished_at IS NULL)
       OR (a.outcome IS NULL) <> (a.reason IS NULL)
       OR a.finished_at < a.started_at
       OR (a.resolved_as IS NOT NULL AND (a.outcome IS NULL OR a.outcome <> 'unknown'))
       OR (a.outcome IS NULL AND (n.state <> 'sending' OR a.number <> n.attempts))
)
SELECT (SELECT count(*) FROM attempts) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT group_concat(id, char(10))
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT ?1) AS shown
       ) AS examples
WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL
