-- What never changes after opening is bound as well and left alone.
UPDATE cases AS c
SET kind = new.kind,
    hold = new.hold,
    closed_at = new.closed_at,
    close_reason = new.close_reason,
    signals = new.signals
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[],
    $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[]
) AS new (
    case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
    emr_instance_domain, error_type, trace
)
WHERE c.case_id = new.case_id
