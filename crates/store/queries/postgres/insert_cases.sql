INSERT INTO cases (
    case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
    emr_instance_domain, error_type, trace
)
SELECT case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason,
       signals, emr_instance_domain, error_type, trace
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[],
    $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[]
) AS rows (
    case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
    emr_instance_domain, error_type, trace
)
