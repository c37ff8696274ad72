UPDATE attempts AS a
SET resolved_as = new.resolved_as,
    resolved_at = new.resolved_at,
    provider_message_id = coalesce(new.provider_message_id, a.provider_message_id)
FROM unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[]
) AS new (
    notification_id, number, resolved_at, resolved_as, provider_message_id
)
WHERE a.notification_id = new.notification_id AND a.number = new.number
  AND a.outcome = 'unknown' AND a.resolved_as IS NULL
