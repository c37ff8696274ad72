SELECT max(at)
FROM non_sends
WHERE case_id = ?1 AND notification_id = ?2 AND decision = 'deferred' AND reason = 'health_unknown'
