INSERT INTO operator_log (
    sequence, at, operator, action, subject_kind, subject_id, detail, prev_hash, hash
)
SELECT sequence, at, operator, action, subject_kind, subject_id, detail, prev_hash, hash
FROM unnest(
    $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[]
) AS rows (
    sequence, at, operator, action, subject_kind, subject_id, detail, prev_hash, hash
)
