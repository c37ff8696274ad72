UPDATE app_deliveries
SET state = 'given_up', lease = NULL, last_status = ?2, last_at = ?3
WHERE endpoint = ?1 AND state = 'pending'
