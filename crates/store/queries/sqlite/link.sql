SELECT notification_id
FROM links
WHERE token_hash = ?1
