-- I10: what the customer's app is to be told is told, or tried again, in its time.
WITH bad AS (
    SELECT event_id AS id
    FROM app_deliveries
    WHERE state = 'pending' AND due_at < $2::bigint
)
SELECT (SELECT count(*) FROM app_deliveries) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT string_agg(id, E'\n' ORDER BY id)
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT $1::bigint) AS shown
       ) AS examples
WHERE $2::bigint IS NOT NULL AND $3::bigint IS NOT NULL
