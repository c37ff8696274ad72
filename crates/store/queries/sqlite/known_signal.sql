SELECT digest, case_id
FROM signals
WHERE event_id = ?1
