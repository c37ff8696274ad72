DELETE FROM contacts
WHERE account_ref = ANY ($1::text[])
