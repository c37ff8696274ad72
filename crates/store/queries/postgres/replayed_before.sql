SELECT EXISTS (
    SELECT 1
    FROM non_sends
    JOIN notifications USING (case_id)
    WHERE notifications.notification_id = ANY ($1::text[])
      AND non_sends.notification_id = notifications.notification_id
      AND non_sends.decision = 'replayed'
) AS replayed
