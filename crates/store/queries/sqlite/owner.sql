SELECT user_id, org_id
FROM accounts
WHERE account_ref = ?1
