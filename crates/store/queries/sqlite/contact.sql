SELECT account_ref, contact_id, position, role, email, phone, locale, time_zone, sms_consent, name
FROM contacts
WHERE account_ref = ?1 AND contact_id = ?2
