-- Only what was opened: an account that was registered again meanwhile has a newer token.
UPDATE accounts
SET access_token_key = ?4, access_token = ?5
WHERE account_ref = ?1 AND access_token_key = ?2 AND access_token = ?3
