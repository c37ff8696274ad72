SELECT reached
FROM marks
WHERE name = $1
