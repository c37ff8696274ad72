UPDATE app_deliveries
SET state = ?4, due_at = ?5, tries = tries + 1, lease = NULL, last_status = ?6, last_at = ?7
WHERE event_id = ?1 AND endpoint = ?2 AND lease = ?3 AND state = 'pending'
