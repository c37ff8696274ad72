-- $1: the time set by hand, or NULL for this server's; $2: how old an answer may get, $3: how soon
-- one is asked for again, both in milliseconds. Rows that another worker holds are left to it.
WITH clock AS MATERIALIZED (
    SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
           - $2::bigint AS old
), wanted AS (
    SELECT a.account_ref
    FROM accounts AS a
    WHERE (a.settings_asked_at IS NULL OR a.settings_asked_at <= (SELECT old FROM clock))
      AND EXISTS (
        SELECT 1 FROM contacts AS k WHERE k.account_ref = a.account_ref AND k.time_zone IS NULL
      )
      AND NOT EXISTS (
        SELECT 1
        FROM cases AS c
        WHERE c.account_ref = a.account_ref AND c.closed_at IS NULL AND c.kind = 'login_required'
      )
    LIMIT $4
    FOR UPDATE OF a SKIP LOCKED
)
UPDATE accounts AS a
SET settings_asked_at = (SELECT old FROM clock) + $3::bigint
FROM wanted
WHERE a.account_ref = wanted.account_ref
RETURNING a.account_ref, a.access_token_key, a.access_token
