-- ?1: before when; an event of an open case stays, since it keeps its fact from being told twice.
SELECT e.event_id
FROM app_events AS e
WHERE e.at < ?1
  AND NOT EXISTS (
      SELECT 1 FROM app_deliveries AS d WHERE d.event_id = e.event_id AND d.state <> 'delivered'
  )
  AND NOT EXISTS (SELECT 1 FROM cases AS c WHERE c.case_id = e.case_id AND c.closed_at IS NULL)
ORDER BY e.at, e.event_id
LIMIT ?2
