DELETE FROM contacts
WHERE account_ref = ?1
