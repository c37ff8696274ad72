UPDATE notifications
SET wake_at = ?2
WHERE notification_id IN (
    SELECT notification_id
    FROM notifications
    WHERE wake_at <= ?1
    ORDER BY wake_at
    LIMIT ?3
)
RETURNING notification_id, channel,
          (SELECT trace FROM cases WHERE cases.case_id = notifications.case_id)
