UPDATE marks
SET reached = greatest(reached, $3::bigint),
    taken_until = CASE WHEN taken_by = $2::text THEN NULL ELSE taken_until END,
    taken_by = CASE WHEN taken_by = $2::text THEN NULL ELSE taken_by END
WHERE name = $1
