INSERT INTO signals (
    event_id, account_ref, kind, source, occurred_at, received_at, applied_at,
    emr_instance_domain, error_type, digest, trace, result, case_id
)
SELECT event_id, account_ref, kind, source, occurred_at, received_at, applied_at,
       emr_instance_domain, error_type, digest, trace, result, case_id
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[]
) AS rows (
    event_id, account_ref, kind, source, occurred_at, received_at, applied_at,
    emr_instance_domain, error_type, digest, trace, result, case_id
)
