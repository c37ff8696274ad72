SELECT user_id, org_id, access_token_key, access_token
FROM accounts
WHERE account_ref = ?1
