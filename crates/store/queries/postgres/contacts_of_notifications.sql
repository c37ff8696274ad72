SELECT DISTINCT p.account_ref, p.contact_id, p.position, p.role, p.email, p.phone, p.locale, p.time_zone, p.sms_consent, p.name
FROM notifications AS n
JOIN contacts AS p ON p.account_ref = n.account_ref AND p.contact_id = n.contact_id
WHERE n.notification_id = ANY ($1::text[])
