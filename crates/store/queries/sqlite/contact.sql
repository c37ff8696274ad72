-- The zone in force: the contact's own, or else the one that Cobalt names for the account.
SELECT k.account_ref, k.contact_id, k.position, k.role, k.email, k.phone, k.locale,
       coalesce(k.time_zone, a.time_zone), k.sms_consent, k.name
FROM contacts AS k
JOIN accounts AS a ON a.account_ref = k.account_ref
WHERE k.account_ref = ?1 AND k.contact_id = ?2
