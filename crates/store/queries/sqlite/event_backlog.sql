SELECT d.endpoint, count(*) AS pending, min(e.at) AS oldest
FROM app_deliveries AS d
JOIN app_events AS e ON e.event_id = d.event_id
WHERE d.state = 'pending'
GROUP BY d.endpoint
ORDER BY d.endpoint
