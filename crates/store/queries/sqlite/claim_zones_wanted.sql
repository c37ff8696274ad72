UPDATE accounts
SET settings_asked_at = ?2
WHERE account_ref IN (
    SELECT a.account_ref
    FROM accounts AS a
    WHERE (a.settings_asked_at IS NULL OR a.settings_asked_at <= ?1)
      AND EXISTS (
        SELECT 1 FROM contacts AS k WHERE k.account_ref = a.account_ref AND k.time_zone IS NULL
      )
      AND NOT EXISTS (
        SELECT 1
        FROM cases AS c
        WHERE c.account_ref = a.account_ref AND c.closed_at IS NULL AND c.kind = 'login_required'
      )
    LIMIT ?3
)
RETURNING account_ref, access_token_key, access_token
