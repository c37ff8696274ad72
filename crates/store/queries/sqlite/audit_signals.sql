-- I1: every applied signal says what became of it, and its case is there.
WITH bad AS (
    SELECT s.event_id AS id
    FROM signals AS s
    LEFT JOIN cases AS c ON c.case_id = s.case_id
    WHERE s.result NOT IN ('opened', 'joined', 'closed', 'stale', 'noted')
       OR (s.result IN ('opened', 'joined', 'closed') AND c.case_id IS NULL)
)
SELECT (SELECT count(*) FROM signals) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT group_concat(id, char(10))
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT ?1) AS shown
       ) AS examples
WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL
