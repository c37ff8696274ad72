UPDATE notifications
SET state = ?2, reason = ?3, due_at = ?4, wake_at = ?5, fence = ?6, lease_owner = ?7, lease_until = ?8,
    attempts = ?9, spent = ?10, doubts = ?11, looks = ?12, link_key = ?13, updated_at = ?14
WHERE notification_id = ?1
