-- Those of the wanted that have another notification of their case sent already.
SELECT n.notification_id
FROM notifications AS n
WHERE n.notification_id = ANY ($1::text[])
  AND EXISTS (
    SELECT 1
    FROM notifications AS other
    WHERE other.case_id = n.case_id
      AND other.notification_id <> n.notification_id
      AND other.state = 'sent'
  )
