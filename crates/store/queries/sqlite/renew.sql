UPDATE notifications
SET lease_until = ?3, wake_at = ?3, updated_at = ?4
WHERE notification_id = ?1 AND fence = ?2 AND lease_until IS NOT NULL
  AND state IN ('sending', 'doubtful')
