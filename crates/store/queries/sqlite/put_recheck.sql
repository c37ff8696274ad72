INSERT INTO rechecks (case_id, due_at, tries) VALUES (?1, ?2, 0)
ON CONFLICT (case_id) DO UPDATE SET due_at = excluded.due_at, tries = 0
