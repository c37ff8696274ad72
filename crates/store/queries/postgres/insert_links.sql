INSERT INTO links (
    token_hash, notification_id
)
SELECT token_hash, notification_id
FROM unnest(
    $1::text[], $2::text[]
) AS rows (
    token_hash, notification_id
)
ON CONFLICT (token_hash) DO NOTHING
