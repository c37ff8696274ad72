INSERT INTO non_sends (
    case_id, notification_id, step, contact_id, at, decision, reason
)
SELECT case_id, notification_id, step, contact_id, at, decision, reason
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[]
) AS rows (
    case_id, notification_id, step, contact_id, at, decision, reason
)
