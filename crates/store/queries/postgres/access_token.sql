SELECT access_token_key, access_token
FROM accounts
WHERE account_ref = $1
