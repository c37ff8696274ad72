-- Of the accounts that accounts_after.sql answers.
SELECT account_ref, contact_id, position, role, email, phone, locale, time_zone, sms_consent, name
FROM contacts
WHERE account_ref IN (
    SELECT account_ref
    FROM accounts
    WHERE account_ref > $1
    ORDER BY account_ref
    LIMIT $2
)
ORDER BY account_ref, position
