-- I4: what is called sent has an attempt that a provider accepted.
WITH bad AS (
    SELECT n.notification_id AS id
    FROM notifications AS n
    WHERE n.state = 'sent'
      AND NOT EXISTS (
          SELECT 1
          FROM attempts AS a
          WHERE a.notification_id = n.notification_id
            AND (a.outcome = 'accepted' OR a.resolved_as = 'accepted')
      )
)
SELECT (SELECT count(*) FROM notifications WHERE state = 'sent') AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT group_concat(id, char(10))
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT ?1) AS shown
       ) AS examples
WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL
