UPDATE marks
SET reached = greatest(reached, $3::bigint),
    arrears = coalesce($4::text, arrears),
    taken_until = NULL,
    taken_by = NULL
WHERE name = $1 AND taken_by = $2::text
