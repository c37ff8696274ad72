SELECT account_ref, access_token_key, access_token
FROM accounts
WHERE account_ref > $1 AND access_token_key <> $2
ORDER BY account_ref
LIMIT $3
