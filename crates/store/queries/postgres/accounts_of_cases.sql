-- Those of the cases' accounts that are registered.
SELECT accounts.account_ref
FROM accounts
JOIN cases ON cases.account_ref = accounts.account_ref
WHERE cases.case_id = ANY ($1::text[])
