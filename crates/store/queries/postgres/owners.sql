SELECT account_ref, user_id, org_id
FROM accounts
WHERE account_ref = ANY ($1::text[])
