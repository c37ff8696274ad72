INSERT INTO app_events (event_id, kind, case_id, account_ref, at, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (event_id) DO NOTHING
