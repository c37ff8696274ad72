-- Only what was opened: an account that was registered again meanwhile has a newer token.
UPDATE accounts AS a
SET access_token_key = rows.key_after, access_token = rows.token_after
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bytea[]) AS rows (
    account_ref, key_before, token_before, key_after, token_after
)
WHERE a.account_ref = rows.account_ref
  AND a.access_token_key = rows.key_before
  AND a.access_token = rows.token_before
RETURNING a.account_ref
