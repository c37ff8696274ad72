INSERT INTO rechecks (case_id, due_at, tries)
SELECT DISTINCT ON (case_id) case_id, due_at, 0
FROM unnest($1::text[], $2::bigint[]) AS rows (case_id, due_at)
ORDER BY case_id, due_at DESC
ON CONFLICT (case_id) DO UPDATE SET due_at = excluded.due_at, tries = 0
