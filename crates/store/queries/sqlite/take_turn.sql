INSERT INTO marks (name, taken_by, taken_until)
VALUES (?1, ?2, ?4)
ON CONFLICT (name) DO UPDATE
SET taken_by = excluded.taken_by, taken_until = excluded.taken_until
WHERE marks.taken_by IS NULL OR marks.taken_by = excluded.taken_by OR marks.taken_until <= ?3
RETURNING reached, arrears
