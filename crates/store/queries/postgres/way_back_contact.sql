-- $1: the hash of a link, or NULL; $2: a notification, or NULL.
SELECT k.account_ref, k.contact_id, k.position, k.role, k.email, k.phone, k.locale, k.time_zone,
       k.sms_consent, k.name
FROM notifications AS n
JOIN contacts AS k ON k.account_ref = n.account_ref AND k.contact_id = n.contact_id
WHERE n.notification_id
      = coalesce($2::text, (SELECT l.notification_id FROM links AS l WHERE l.token_hash = $1))
