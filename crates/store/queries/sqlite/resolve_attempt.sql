UPDATE attempts
SET resolved_as = ?3, resolved_at = ?4, provider_message_id = coalesce(?5, provider_message_id)
WHERE notification_id = ?1 AND number = ?2 AND outcome = 'unknown' AND resolved_as IS NULL
