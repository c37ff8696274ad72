SELECT d.event_id, d.endpoint, e.kind, e.body, d.tries, ?4
FROM app_deliveries AS d
JOIN app_events AS e ON e.event_id = d.event_id
WHERE d.endpoint = ?1 AND d.state = 'pending' AND d.due_at <= ?2
ORDER BY d.due_at
LIMIT ?3
