SELECT sequence, at, operator, action, subject_kind, subject_id, detail, prev_hash, hash
FROM operator_log
ORDER BY sequence DESC
LIMIT 1
