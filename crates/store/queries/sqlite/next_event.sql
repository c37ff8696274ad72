SELECT min(due_at) AS due_at
FROM app_deliveries
WHERE endpoint = ?1 AND state = 'pending'
