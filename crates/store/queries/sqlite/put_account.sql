INSERT INTO accounts (account_ref, user_id, org_id, emr_instance_domain, access_token,
                      access_token_key, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
ON CONFLICT (account_ref) DO UPDATE SET
    user_id = excluded.user_id,
    org_id = excluded.org_id,
    emr_instance_domain = excluded.emr_instance_domain,
    access_token = excluded.access_token,
    access_token_key = excluded.access_token_key,
    updated_at = excluded.updated_at,
    -- What Cobalt says is asked for with the new token.
    settings_asked_at = NULL
