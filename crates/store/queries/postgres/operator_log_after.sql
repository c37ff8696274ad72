SELECT sequence, at, operator, action, subject_kind, subject_id, detail, prev_hash, hash
FROM operator_log
WHERE sequence > $1
ORDER BY sequence
LIMIT $2
