SELECT case_id, notification_id, at, step, way, visitor
FROM visits
WHERE case_id = $1
ORDER BY at, id
