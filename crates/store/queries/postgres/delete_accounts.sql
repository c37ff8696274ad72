DELETE FROM accounts
WHERE account_ref = ANY ($1::text[])
