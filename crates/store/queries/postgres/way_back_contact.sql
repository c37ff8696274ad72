-- $1: the hash of a link, or NULL; $2: a notification, or NULL. The zone is the one in force:
-- the contact's own, or else the one that Cobalt names for the account.
SELECT k.account_ref, k.contact_id, k.position, k.role, k.email, k.phone, k.locale,
       coalesce(k.time_zone, a.time_zone) AS time_zone, k.sms_consent, k.name
FROM notifications AS n
JOIN contacts AS k ON k.account_ref = n.account_ref AND k.contact_id = n.contact_id
JOIN accounts AS a ON a.account_ref = k.account_ref
WHERE n.notification_id
      = coalesce($2::text, (SELECT l.notification_id FROM links AS l WHERE l.token_hash = $1))
