SELECT reached, arrears
FROM marks
WHERE name = $1
