INSERT INTO operator_log (sequence, at, operator, action, subject_kind, subject_id, detail, prev_hash, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
