UPDATE attempts
SET finished_at = ?3, outcome = ?4, reason = ?5, provider_message_id = ?6, provider_code = ?7,
    took_ms = ?8
WHERE notification_id = ?1 AND number = ?2 AND outcome IS NULL
