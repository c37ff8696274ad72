INSERT INTO contacts (
    account_ref, contact_id, position, role, email, phone, locale, time_zone, sms_consent, name
)
SELECT account_ref, contact_id, position, role, email, phone, locale, time_zone, sms_consent,
       name
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::bool[], $10::text[]
) AS rows (
    account_ref, contact_id, position, role, email, phone, locale, time_zone, sms_consent, name
)
