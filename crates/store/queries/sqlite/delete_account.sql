DELETE FROM accounts
WHERE account_ref = ?1
