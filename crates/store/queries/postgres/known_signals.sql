SELECT event_id, account_ref, kind, digest, case_id
FROM signals
WHERE event_id = ANY ($1::text[])
