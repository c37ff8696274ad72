UPDATE marks
SET reached = CASE WHEN ?3 IS NULL THEN reached ELSE max(coalesce(reached, ?3), ?3) END,
    taken_until = CASE WHEN taken_by = ?2 THEN NULL ELSE taken_until END,
    taken_by = CASE WHEN taken_by = ?2 THEN NULL ELSE taken_by END
WHERE name = ?1
