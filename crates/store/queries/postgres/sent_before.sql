-- Those of the wanted whose contact has been sent another notification of the case already.
SELECT n.notification_id
FROM notifications AS n
WHERE n.notification_id = ANY ($1::text[])
  AND EXISTS (
    SELECT 1
    FROM notifications AS other
    WHERE other.case_id = n.case_id
      AND other.contact_id = n.contact_id
      AND other.notification_id <> n.notification_id
      AND other.state = 'sent'
  )
