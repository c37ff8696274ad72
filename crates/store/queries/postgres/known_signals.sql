SELECT event_id, digest, case_id
FROM signals
WHERE event_id = ANY ($1::text[])
