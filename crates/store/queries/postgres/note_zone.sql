-- $3: the time set by hand, or NULL for this server's. Registered again meanwhile, it is to be asked
-- about with its new token.
UPDATE accounts
SET time_zone = $2::text,
    settings_asked_at = coalesce($3::bigint,
                                 floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
WHERE account_ref = $1 AND settings_asked_at IS NOT NULL
