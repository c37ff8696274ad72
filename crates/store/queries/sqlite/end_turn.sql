UPDATE marks
SET reached = CASE WHEN ?3 IS NULL THEN reached ELSE max(coalesce(reached, ?3), ?3) END,
    arrears = coalesce(?4, arrears),
    taken_until = NULL,
    taken_by = NULL
WHERE name = ?1 AND taken_by = ?2
