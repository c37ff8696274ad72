-- The zone in force: the contact's own, or else the one that Cobalt names for the account.
SELECT DISTINCT p.account_ref, p.contact_id, p.position, p.role, p.email, p.phone, p.locale,
       coalesce(p.time_zone, a.time_zone) AS time_zone, p.sms_consent, p.name
FROM notifications AS n
JOIN contacts AS p ON p.account_ref = n.account_ref AND p.contact_id = n.contact_id
JOIN accounts AS a ON a.account_ref = p.account_ref
WHERE n.notification_id = ANY ($1::text[])
