INSERT INTO accounts (
    account_ref, user_id, org_id, emr_instance_domain, created_at, updated_at, access_token,
    access_token_key
)
SELECT account_ref, user_id, org_id, emr_instance_domain, created_at, updated_at, access_token,
       access_token_key
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[],
    $8::text[]
) AS rows (
    account_ref, user_id, org_id, emr_instance_domain, created_at, updated_at, access_token,
    access_token_key
)
ON CONFLICT (account_ref) DO UPDATE SET
    user_id = excluded.user_id,
    org_id = excluded.org_id,
    emr_instance_domain = excluded.emr_instance_domain,
    access_token = excluded.access_token,
    access_token_key = excluded.access_token_key,
    updated_at = excluded.updated_at,
    -- What Cobalt says is asked for with the new token.
    settings_asked_at = NULL
