INSERT INTO links (token_hash, notification_id)
VALUES (?1, ?2)
ON CONFLICT (token_hash) DO NOTHING
