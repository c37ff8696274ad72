INSERT INTO contacts (account_ref, contact_id, position, role, email, phone, locale, time_zone,
                      sms_consent, name)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
