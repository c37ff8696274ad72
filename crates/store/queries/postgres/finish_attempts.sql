UPDATE attempts AS a
SET finished_at = new.finished_at,
    outcome = new.outcome,
    reason = new.reason,
    provider_message_id = new.provider_message_id,
    provider_code = new.provider_code,
    took_ms = new.took_ms
FROM unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::bigint[]
) AS new (
    notification_id, number, finished_at, outcome, reason, provider_message_id, provider_code,
    took_ms
)
WHERE a.notification_id = new.notification_id AND a.number = new.number AND a.outcome IS NULL
