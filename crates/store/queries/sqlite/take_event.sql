UPDATE app_deliveries SET due_at = ?3, lease = ?3 WHERE event_id = ?1 AND endpoint = ?2
