SELECT account_ref, contact_id, position, role, email, phone, locale, time_zone, sms_consent, name
FROM contacts
WHERE account_ref = ANY ($1::text[])
ORDER BY account_ref, position
