SELECT min(wake_at) AS wake_at
FROM notifications
WHERE wake_at IS NOT NULL
