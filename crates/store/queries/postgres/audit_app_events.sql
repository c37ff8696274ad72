-- I11: one fact is one event; an event has a delivery, a delivery has an event; nothing is said to
-- have been sent, or to have ended, more often than it did.
WITH bad AS (
    SELECT min(e.event_id) AS id
    FROM app_events AS e
    WHERE e.kind <> 'relink.case.notified'
    GROUP BY e.case_id, e.kind
    HAVING count(*) > 1
    UNION ALL
    SELECT min(e.event_id)
    FROM app_events AS e
    JOIN cases AS c ON c.case_id = e.case_id
    WHERE e.kind = 'relink.case.notified'
    GROUP BY e.case_id
    HAVING count(*) > (
        SELECT count(*) FROM notifications AS n WHERE n.case_id = e.case_id AND n.state = 'sent'
    )
    UNION ALL
    SELECT e.event_id
    FROM app_events AS e
    JOIN cases AS c ON c.case_id = e.case_id
    WHERE (e.kind = 'relink.case.repaired' AND coalesce(c.close_reason, '') <> 'repaired')
       OR (e.kind = 'relink.case.expired' AND coalesce(c.close_reason, '') <> 'expired')
       OR (
           e.kind = 'relink.case.closed'
           AND coalesce(c.close_reason, '') NOT IN ('operator', 'account_deleted')
       )
    UNION ALL
    SELECT e.event_id
    FROM app_events AS e
    WHERE NOT EXISTS (SELECT 1 FROM app_deliveries AS d WHERE d.event_id = e.event_id)
    UNION ALL
    SELECT d.event_id
    FROM app_deliveries AS d
    WHERE NOT EXISTS (SELECT 1 FROM app_events AS e WHERE e.event_id = d.event_id)
)
SELECT (SELECT count(*) FROM app_events) AS looked_at,
       (SELECT count(*) FROM bad) AS violating,
       (
           SELECT string_agg(id, E'\n' ORDER BY id)
           FROM (SELECT DISTINCT id FROM bad ORDER BY id LIMIT $1::bigint) AS shown
       ) AS examples
WHERE $2::bigint IS NOT NULL AND $3::bigint IS NOT NULL
