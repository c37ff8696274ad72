SELECT EXISTS (
    SELECT 1
    FROM notifications
    WHERE case_id = ?1 AND notification_id <> ?2 AND contact_id = ?3 AND state = 'sent'
)
