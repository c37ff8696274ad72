SELECT EXISTS (
    SELECT 1
    FROM non_sends
    WHERE case_id = ?1 AND notification_id = ?2 AND decision = 'replayed'
)
