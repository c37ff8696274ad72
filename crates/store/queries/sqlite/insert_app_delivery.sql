INSERT INTO app_deliveries (event_id, endpoint, state, due_at, tries) VALUES (?1, ?2, 'pending', ?3, 0)
